"""Finance and Operations: its entity sets over OData, its import, its posting, its ledger."""
