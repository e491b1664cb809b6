"""The Dataverse Web API over the world: catalog, queries, writes, actions, metadata, errors."""
