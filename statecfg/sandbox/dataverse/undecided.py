"""What no public source settles about the Web API: each a setting, so that a client can be tried against both.

Source: the facts marked as inferred in reference/dataverse.md, "URLs, headers, statuses", "Single-record operations",
"Queries and paging", "Bulk messages", "$batch".
"""

from __future__ import annotations

from statecfg.sandbox.settings import Settings

_SETTINGS: tuple[tuple[str, object, str], ...] = (
    ("dataverse.batch_status", "400", "status of a batch that stopped at a failure: 400, or inner (the failing one's)"),
    ("dataverse.update_names_record", True, "whether an update's answer has OData-EntityId"),
    ("dataverse.count_mark", False, "whether the number of $count begins with a byte order mark"),
    ("dataverse.update_by_reference", True, "whether UpdateMultiple takes @odata.id instead of the primary key"),
    ("dataverse.unauthorized_body", False, "whether a 401 has the error in its body, besides the header"),
)


def declare_settings(settings: Settings) -> None:
    """The knobs of what is only inferred."""
    for name, default, meaning in _SETTINGS:
        settings.declare(name, default, meaning)


def batch_status(settings: Settings, inner: int) -> int:
    """The status of a batch that stopped at a request with this status; some clients know no other than 400."""
    return inner if settings["dataverse.batch_status"] == "inner" else 400


def update_headers(settings: Settings, address: str) -> dict[str, str]:
    """The headers of an update's answer, with underscores."""
    return {"OData_EntityId": address} if settings["dataverse.update_names_record"] else {}


def count_text(settings: Settings, count: int) -> bytes:
    """A number as the answer to `$count`."""
    return str(count).encode("utf-8-sig" if settings["dataverse.count_mark"] else "utf-8")
