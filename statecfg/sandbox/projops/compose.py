"""Project Operations made ready in a world: its own tables, settings, guards, followers and jobs."""

from __future__ import annotations

from statecfg.sandbox.projops import drafts, guards, jobs, splitting, tables
from statecfg.sandbox.projops.actions import ACTIONS
from statecfg.sandbox.projops.control import register
from statecfg.sandbox.world import World

__all__ = ["ACTIONS", "prepare", "register"]


def prepare(world: World) -> None:
    """Define what these rules keep, declare their settings and put them in force; after Dataverse's own tables."""
    tables.define_tables(world)
    for part in (guards, drafts, jobs, splitting):
        part.register(world)
