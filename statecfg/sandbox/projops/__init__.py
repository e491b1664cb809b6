"""Project Operations in Dataverse: milestone statuses, proforma invoices, actuals. Rules only; no protocol."""
