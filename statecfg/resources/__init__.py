"""One file a kind: how each sort of resource, precondition and invariant is read, compared and changed."""
