"""The proforma invoices over those milestones: made, checked and confirmed while the maps are stopped."""
