"""A world in canonical form, so that two worlds can be compared: business keys for ids, no times, versions, numbers.

What a server assigns (ids, record ids, vouchers, invoice numbers, moments of writing) differs between two runs that did
the same; all of it is dropped or replaced by what people would call the record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from statecfg.sandbox.control import Call, Control, ControlError
from statecfg.sandbox.tables import Column, Table
from statecfg.sandbox.world import Row, Tx, World

Canonical = dict[str, list[dict[str, Any]]]

# What services note for themselves; it tells how something was done, not what is.
JOURNALS = frozenset(
    ("asyncoperation", "sdkmessage", "sdkmessagefilter", "solutioncomponent", "dataverse.deleted",
     "po.details", "po.billed", "po.headers", "po.parts", "dw.requests",
     "dw.restores", "dw.imports", "dw.syncruns", "dw.told")
)  # fmt: skip
_DROPPED = frozenset(
    ("createdon", "createdby", "modifiedon", "modifiedby", "since", "created", "refreshed", "position")
)
_NUMBERS = re.compile(
    r"RecId$|RecVersion$|^SourceKey$|[Vv]oucher|^Trans(action)?Id$|MilestoneIdentifier|Journal(Number|Entry)|"
    r"AccountingEvent|AccountEntry$|ProjInvoiceId|^Invoice(Id)?$|ProposalId|^invoicenumber$|"
    r"(Modified|Created)(On|DateTime)$|ConnectionString$"
)
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_RECENT_DAYS = 2

# How people call a record: columns joined by a slash; a lookup stands for the record it leads to.
_LABELS: Mapping[str, tuple[str, ...]] = {
    "account": ("accountnumber",),
    "cdm_company": ("cdm_companycode",),
    "transactioncurrency": ("isocurrencycode",),
    "salesorder": ("ordernumber",),
    "salesorderdetail": ("salesorderid", "salesorderdetailname"),
    "invoice": ("salesorderid",),
    "invoicedetail": ("invoiceid", "salesorderdetailid"),
    "msdyn_contractlinescheduleofvalue": ("msdyn_contractlineid", "msdyn_name", "msdyn_milestonedate"),
    "msdyn_project": ("msdyn_projectnumber",),
    "msdyn_organizationalunit": ("msdyn_name",),
    "msdyn_transactioncategory": ("msdyn_name",),
    "pricelevel": ("name",),
    "systemuser": ("fullname",),
    "uom": ("name",),
    "dw.templates": ("map", "author", "version"),
}


def register(control: Control, world: World) -> None:
    """Offer `GET dump`, of all tables or of `?tables=a,b`."""
    control.register("dump", "GET", lambda call: _dumped(world, call))


def canonical(world: World, tables: Iterable[str] | None = None) -> Canonical:
    """The rows of the tables (all but the journals by default), in canonical form and sorted; no empty columns."""
    wanted = sorted(set(world.tables) - JOURNALS) if tables is None else list(tables)
    with world.reading() as tx:
        words = _Words(tx)
        return {name: _rows(tx, world.tables[name], words) for name in wanted}


def _dumped(world: World, call: Call) -> Canonical:
    named = [name for name in call.query.get("tables", "").split(",") if name]
    unknown = [name for name in named if name not in world.tables]
    if unknown:
        raise ControlError(f"there is no table {unknown[0]!r}", 404)
    return canonical(world, named or None)


def _rows(tx: Tx, table: Table, words: _Words) -> list[dict[str, Any]]:
    kept = [column for column in table.columns if not _is_assigned(table, column)]
    rows = [_row(row, kept, words) for row in tx.select(table.name)]
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def _row(row: Row, columns: Iterable[Column], words: _Words) -> dict[str, Any]:
    found = {column.name: words.said(row[column.name]) for column in columns}
    return {name: value for name, value in found.items() if value is not None}


def _is_assigned(table: Table, column: Column) -> bool:
    """Whether a column's value is the server's own."""
    own_id = column.type == "guid" and table.key == (column.name,)
    return own_id or bool(column.sequence) or column.name in _DROPPED or _NUMBERS.search(column.name) is not None


class _Words:
    """What ids, numbers and moments are called in this world."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._labels: dict[str, str] = {}
        # The same few texts stand in most rows.
        self._texts: dict[str, str] = {}
        now = tx.world.now().date()
        around = range(-_RECENT_DAYS, _RECENT_DAYS + 1)
        self._recent = {(now + timedelta(days=days)).isoformat() for days in around}
        for name in _LABELS:
            if name in tx.world.tables:
                self._name_all(name)
        self._invoices = self._invoice_numbers()

    def said(self, value: Any) -> Any:
        """A value in canonical form."""
        if isinstance(value, Decimal):
            return str(value.normalize()) if value else "0"
        if not isinstance(value, str):
            return value
        if value not in self._texts:
            self._texts[value] = self._text(value)
        return self._texts[value]

    def _text(self, value: str) -> str:
        text = _GUID.sub(lambda found: self._labels.get(found[0].lower(), "<id>"), value)
        text = _MOMENT.sub(self._moment, text)
        if _DAY.fullmatch(text) and text in self._recent:
            return "<recent>"
        for number, label in self._invoices.items():
            text = text.replace(number, label) if number in text else text
        return text

    def _moment(self, found: re.Match[str]) -> str:
        day, hour = found.groups()
        if hour not in ("00:00:00", "12:00:00"):
            return "<time>"
        return "<recent>" if day in self._recent else found[0]

    def _name_all(self, name: str) -> None:
        table = self._tx.world.tables[name]
        for row in self._tx.select(name):
            self._labels[row[table.key[0]]] = self._label(table, row)

    def _label(self, table: Table, row: Row) -> str:
        columns = {column.name: column for column in table.columns}
        parts = [self._part(columns[name], row[name]) for name in _LABELS[table.name]]
        return "/".join(parts)

    def _part(self, column: Column, value: Any) -> str:
        if value is None:
            return ""
        if column.type != "lookup":
            return str(value)
        return self._labels.get(value) or self._followed(column, value)

    def _followed(self, column: Column, key: str) -> str:
        """The label of a record that wasn't named yet."""
        table = self._tx.world.tables[column.targets[0].table]
        row = self._tx.get(table.name, key)
        if row is None or table.name not in _LABELS:
            return "?"
        self._labels[key] = self._label(table, row)
        return self._labels[key]

    def _invoice_numbers(self) -> dict[str, str]:
        if "invoice" not in self._tx.world.tables:
            return {}
        rows = self._tx.select("invoice", '"invoicenumber" IS NOT NULL')
        return {row["invoicenumber"]: f"invoice of {self._labels.get(row['invoiceid'])}" for row in rows}
