"""Rows kept as text while they wait: exact, whatever their types, because values stay in their stored form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from statecfg.sandbox.world import World


def kept(world: World, table: str, row: Mapping[str, Any] | None) -> str | None:
    """A row of a table as text; None for no row."""
    if row is None:
        return None
    shape = world.shape(table)
    return json.dumps({name: shape.encoded(name, row.get(name)) for name in shape.names})


def unkept(world: World, table: str, text: str | None) -> dict[str, Any] | None:
    """The row that `kept` made a text of."""
    if text is None:
        return None
    values = json.loads(text)
    shape = world.shape(table)
    return shape.decoded([values.get(name) for name in shape.names])
