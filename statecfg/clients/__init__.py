"""The wire: one module a service. Exact numbers in and out; knows nothing of phases or plans."""
