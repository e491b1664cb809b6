"""Milestones that were invoiced in the old system: declared in a file, made in Dataverse, seen in F&O."""
