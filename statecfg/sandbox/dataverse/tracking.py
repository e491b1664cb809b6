"""Change tracking: what was written or deleted since a token. Source: reference/dataverse.md, "Change tracking"."""

# ruff: noqa: S608 - SQL is built from quoted catalog names; values are always parameters.
from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.exchange import Exchange
from statecfg.sandbox.dataverse.names import Names
from statecfg.sandbox.dataverse.projection import Projection
from statecfg.sandbox.dataverse.queryoptions import Options
from statecfg.sandbox.dataverse.tombstones import TOMBSTONES
from statecfg.sandbox.wire import Answer
from statecfg.sandbox.world import Refused, Tx, quoted

LIFETIME = timedelta(days=7)
_TOKEN = re.compile(r"(\d{1,18})!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_STAMP = "%m/%d/%Y %H:%M:%S"


def delta_link(tx: Tx, exchange: Exchange, names: Names, options: Options, since: int) -> str:
    """The address that will tell what changes from a version on."""
    stamp = tx.world.now().strftime(_STAMP)
    select = f"$select={quote(','.join(options.select), safe=',_')}&" if options.select else ""
    token = quote(f"{since}!{stamp}", safe="")
    return f"{exchange.root}/{names.table.entity_set}?{select}$deltatoken={token}"


def refuse_other_options(options: Options) -> None:
    """Change tracking goes with `$select` only. Raises Refused."""
    given = {"filter": options.filter, "orderby": options.orderby, "expand": options.expand, "top": options.top}
    for name, value in given.items():
        if value not in ("", (), None):
            message = f'The "${name}" query parameter isn\'t supported when Change Tracking is enabled.'
            raise Refused(errors.BAD_URI, message)


def delta_page(tx: Tx, exchange: Exchange, names: Names, options: Options) -> Answer:
    """The answer to a delta link: changed records by version, then the deleted ones."""
    refuse_other_options(options)
    since = _since(tx, options.deltatoken)
    projection = Projection(names, options.select, exchange.prefer)
    sql = (
        f"SELECT {projection.sql('t')} FROM {quoted(names.table.name)} t WHERE versionnumber > ? ORDER BY versionnumber"
    )
    changed = projection.records(tx, tx.connection.execute(sql, (since,)).fetchall())
    entity_set = names.table.entity_set
    context = f"{exchange.root}/$metadata#{entity_set}/$deletedEntity"
    gone: list[dict[str, Any]] = [
        {"@odata.context": context, "id": row["id"], "reason": "deleted"}
        for row in tx.select(TOMBSTONES, "name = ? AND version > ?", (names.table.name, since))
    ]
    body = {
        "@odata.context": f"{exchange.root}/$metadata#{entity_set}/$delta",
        "value": [*changed, *gone],
        "@odata.deltaLink": delta_link(tx, exchange, names, options, version(tx)),
    }
    return exchange.answer(body)


def delta_count(tx: Tx, names: Names, token: str) -> int:
    """How many records changed or went since a token."""
    since = _since(tx, token)
    changed = f"SELECT COUNT(*) FROM {quoted(names.table.name)} WHERE versionnumber > ?"
    gone = f"SELECT COUNT(*) FROM {quoted(TOMBSTONES)} WHERE name = ? AND version > ?"
    first = tx.connection.execute(changed, (since,)).fetchone()[0]
    return int(first + tx.connection.execute(gone, (names.table.name, since)).fetchone()[0])


def version(tx: Tx) -> int:
    """The number that was given last to a written or deleted record."""
    sql = 'SELECT value FROM "world.numbers" WHERE name = ?'
    found = tx.connection.execute(sql, ("dataverse.versionnumber",)).fetchone()
    return int(found[0]) if found else 0


def _since(tx: Tx, token: str) -> int:
    """The version in a token. Raises Refused if it is none of ours or too old."""
    found = _TOKEN.fullmatch(token)
    try:
        made = datetime.strptime(found[2], _STAMP).replace(tzinfo=UTC) if found else None
    except ValueError:
        made = None
    if found is None or made is None:
        raise errors.bad_uri(f"The delta token '{token}' is not valid.")
    if tx.world.now() - made > LIFETIME:
        message = "Version stamp associated with the client has expired. Please perform a full sync."
        raise Refused(errors.EXPIRED_VERSION, message)
    return int(found[1])
