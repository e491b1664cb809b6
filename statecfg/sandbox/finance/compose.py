"""Finance and Operations made ready in a world: tables, settings, control calls, the list of data entities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statecfg.sandbox.control import Control, ControlError
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.finance import actions, catalog, control, posting, service, writes
from statecfg.sandbox.hooks import PropagationFailed, Refused
from statecfg.sandbox.world import Duplicate, Tx, World

EDITED = "fo."


def prepare(world: World) -> None:
    """Define what this service keeps, and declare its settings; before seeding."""
    catalog.define_tables(world)
    for part in (writes, posting, actions, service):
        part.declare_settings(world)
    with world.transaction() as tx:
        actions.refresh_entities(tx)


def serve(world: World, tokens: Tokens, calls: Control) -> service.Finance:
    """The service, with its control calls offered."""
    control.register(calls, world)
    return service.Finance(world, tokens)


def edit(world: World, wanted: Mapping[str, Any]) -> Any:
    """Somebody else's edit of F&O rows.

    wanted: `table` (`fo.<EntitySet>`), then `insert` with values, or `match` with `changes` or `delete: true`.
    `raw: true` goes past the entity's rules and tells nobody. Raises ControlError.
    """
    name = str(wanted.get("table", "")).removeprefix(EDITED)
    if catalog.table_of(name) not in world.tables:
        raise ControlError(f"there is no table {wanted.get('table')!r}", 404)
    try:
        with world.transaction() as tx:
            return _edited(tx, name, wanted)
    except (Refused, PropagationFailed) as refusal:
        raise ControlError(refusal.message, 409) from refusal
    except (Duplicate, KeyError, ValueError, TypeError) as cause:
        raise ControlError(str(cause)) from cause


def _edited(tx: Tx, name: str, wanted: Mapping[str, Any]) -> dict[str, int]:
    table, is_raw = catalog.table_of(name), bool(wanted.get("raw"))
    if "insert" in wanted:
        if is_raw:
            tx.insert(table, wanted["insert"])
        else:
            writes.create(tx, name, wanted["insert"])
        return {"rows": 1}
    rows = tx.find(table, **wanted.get("match", {}))
    for row in rows:
        _edit_row(tx, name, row, wanted, is_raw)
    return {"rows": len(rows)}


def _edit_row(tx: Tx, name: str, row: dict[str, Any], wanted: Mapping[str, Any], is_raw: bool) -> None:
    table = catalog.table_of(name)
    key = tuple(row[column] for column in tx.world.shape(table).table.key)
    if wanted.get("delete"):
        if is_raw:
            tx.delete(table, key)
        else:
            writes.remove(tx, name, row)
    elif is_raw:
        tx.update(table, key, wanted.get("changes", {}))
    else:
        writes.change(tx, name, row, wanted.get("changes", {}))
