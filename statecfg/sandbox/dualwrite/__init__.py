"""Dual-write: the management gateway, map versions, three witnesses, and the run time that really carries rows.

What runs is kept apart from what is said to run: `dw.deployments` alone decides what the run time carries; the
gateway's map list, the runtime rows in Dataverse and the project configurations in F&O are told of it separately.
"""
