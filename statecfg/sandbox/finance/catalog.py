"""The entity sets of Finance and Operations as data: columns, keys, types, enums, labels.

The columns stand in `sets.json` and the enums in `enums.json`, as the reference lists them. Here they become tables of
the world, named `fo.<EntitySet>`, with two columns more that no client sees: the record id, and a version for ETags.
Source: reference/project-operations.md, appendices A and B; reference/finance-and-operations.md, 8 to 10.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from statecfg.sandbox.tables import Column, Table
from statecfg.sandbox.world import World

NAMESPACE = "Microsoft.Dynamics.DataEntities"
COMPANY = "dataAreaId"
RECORD_ID = "RecId"
RECORD_VERSION = "RecVersion"
NO_DATE = "1900-01-01T12:00:00Z"
NO_GUID = "00000000-0000-0000-0000-000000000000"

PROPOSALS = "fo.private.proposals"
PROPOSAL_LINES = "fo.private.proposallines"

_TYPES = {
    "s": "string", "dec": "money", "i32": "int", "i64": "bigint", "guid": "guid", "dt": "datetime", "bool": "bool",
    "bin": "memo",
}  # fmt: skip
_EMPTY: Mapping[str, Any] = {
    "string": "", "money": Decimal(0), "decimal": Decimal(0), "int": 0, "bigint": 0, "guid": NO_GUID,
    "datetime": NO_DATE, "bool": False,
}  # fmt: skip
# Rates and places need more decimals than amounts; eight of them leave ten digits before the point.
_FINE = ("Rate", "Latitude", "Longitude")
_FINE_PRECISION = 8

# Record ids under their public names: numbered across all tables, so that the greatest one is a high-water mark.
_RECORD_IDS = ("SysRecId", "SourceKey", "RecordId", "BatchJobRecId", "RowId", "LedgerRecId")
# Set by the service and refused from outside.
_ASSIGNED = {
    "ProjectContractLineMilestones": ("ContractLineMilestoneIdentifier", "TransactionId", "TotalSalesAmount"),
}
_INDEXES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ProjectContractLineMilestones": (
        ("ContractLineMilestoneGuid",),
        ("ProjectContractId", "ContractLineId"),
        ("TransactionId",),
    ),
    "ProjectContractLineMilestoneHeaders": (("ProjectContractLineMilestoneHeaderGuid",),),
    "ProjActualsImports": (("ActualId",), ("InvoiceProposalId",), ("IsJournalized",)),
    "ProjectContractLines": (("ContractLineId",),),
    "ProjectFundingSources": (("FundingSourceId",),),
    "CustTransactions": (("AccountNum",), ("Voucher",)),
    "CustTransOpens": (("AccountNum",), ("RefRecId",)),
    "GeneralJournalEntryBiEntities": (("SourceKey",), ("SubledgerVoucher",), ("Ledger",)),
    "GeneralJournalAccountEntryBiEntities": (("GeneralJournalEntry",),),
    "DataManagementTargetMapEntities": (("Entity",),),
    "Ledgers": (("LedgerRecId",),),
    "ProjectsV2": (("IntegrationSourceDataId",),),
}


@dataclass(frozen=True, slots=True)
class Navigation:
    """A way from one entity set to another; on: pairs of (own column, column of the target)."""

    name: str
    target: str
    many: bool
    on: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class EntitySet:
    """One public entity.

    entity: the type's name (singular). label, aot, staging: how Data management knows it, "" where it doesn't matter.
    The AOT and staging names of the integration entities are not established: they are stand-ins.
    """

    name: str
    entity: str
    category: str
    readonly: bool
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    label: str = ""
    aot: str = ""
    staging: str = ""
    navigations: tuple[Navigation, ...] = ()

    @property
    def table(self) -> str:
        """Its table of the world."""
        return table_of(self.name)

    @property
    def by_name(self) -> Mapping[str, Column]:
        """Columns by their exact names."""
        return _columns_by_name(self)

    @property
    def per_company(self) -> bool:
        """Whether each row belongs to a legal entity."""
        return COMPANY in self.keys


@cache
def _columns_by_name(entity_set: EntitySet) -> Mapping[str, Column]:
    return MappingProxyType({column.name: column for column in entity_set.columns})


def table_of(name: str) -> str:
    """The world's table of an entity set."""
    return f"fo.{name}"


def _column(set_name: str, text: str, keys: tuple[str, ...]) -> Column:
    name, _, short = text.partition(":")
    fine = short == "dec" and any(part in name for part in _FINE)
    kind = "decimal" if fine else _TYPES.get(short, "enum")
    if name in _RECORD_IDS:
        return Column(name, kind, sequence="fo.recid", create_only=name in keys)
    return Column(
        name=name,
        type=kind,
        precision=_FINE_PRECISION if fine else 4,
        enum=short if kind == "enum" else "",
        default=first_member(short) if kind == "enum" else _EMPTY.get(kind),
        readonly=name in _ASSIGNED.get(set_name, ()),
        create_only=name in keys,
        required=name in keys,
    )


def _entity_set(name: str, facts: Mapping[str, Any]) -> EntitySet:
    keys = tuple(facts["keys"].split())
    listed = (text for line in facts["columns"] for text in line.split())
    return EntitySet(
        name=name,
        entity=facts["type"],
        category=facts["category"],
        readonly=facts["readonly"],
        keys=keys,
        columns=tuple(_column(name, text, keys) for text in listed),
        label=facts.get("label", ""),
        aot=facts.get("aot", ""),
        staging=facts.get("staging", ""),
        navigations=_NAVIGATIONS.get(name, ()),
    )


_NAVIGATIONS: Mapping[str, tuple[Navigation, ...]] = {
    "CustTransOpens": (
        Navigation("CustTransaction", "CustTransactions", False, ((COMPANY, COMPANY), ("RefRecId", "SysRecId"))),
    ),
    "CustTransactions": (
        Navigation("CustTransOpen", "CustTransOpens", True, ((COMPANY, COMPANY), ("SysRecId", "RefRecId"))),
    ),
    "DocumentProjectInvoiceBases": (
        Navigation(
            "DocumentProjInvoiceOnAccLine",
            "DocumentProjInvoiceOnAccLines",
            True,
            ((COMPANY, COMPANY), ("ProjInvoiceId", "ProjInvoiceId")),
        ),
    ),
    "DocumentProjInvoiceOnAccLines": (
        Navigation(
            "DocumentProjectInvoiceBase",
            "DocumentProjectInvoiceBases",
            False,
            ((COMPANY, COMPANY), ("ProjInvoiceId", "ProjInvoiceId")),
        ),
    ),
}


def _data(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(resources.files(__package__).joinpath(file).read_text("utf-8"))
    return loaded


@cache
def enums() -> Mapping[str, Mapping[str, int]]:
    """Every enum: member names and their numbers, in the order of the numbers."""
    return MappingProxyType({name: MappingProxyType(members) for name, members in _data("enums.json").items()})


@cache
def _enum_names() -> Mapping[str, str]:
    return {name.lower(): name for name in enums()}


def enum_name(name: str) -> str | None:
    """An enum's name as the catalog spells it; acronyms are written differently by different sources."""
    return _enum_names().get(name.lower())


def first_member(enum: str) -> str:
    """The member a new row has: the lowest number."""
    return next(iter(enums()[enum]))


def member(enum: str, value: str | int) -> str | None:
    """A member's name from its name in any case, or from its number as number or text; None if there is none."""
    members = enums()[enum]
    text = str(value)
    for name, number in members.items():
        if name.lower() == text.lower() or str(number) == text:
            return name
    return None


@cache
def entity_sets() -> Mapping[str, EntitySet]:
    """Every entity set by its exact name."""
    return MappingProxyType({name: _entity_set(name, facts) for name, facts in _data("sets.json").items()})


def entity_set(name: str) -> EntitySet:
    """One entity set. Raises KeyError."""
    return entity_sets()[name]


def staging_fields(entity_set: EntitySet) -> tuple[str, ...]:
    """The columns as staging and dual-write name them: upper case."""
    return tuple(column.name.upper() for column in entity_set.columns)


def column_of_field(entity_set: EntitySet, field: str) -> Column | None:
    """The column that a dual-write field name (`TRANSSTATUS`) means."""
    wanted = field.upper()
    return next((column for column in entity_set.columns if column.name.upper() == wanted), None)


def _hidden() -> Iterator[Column]:
    yield Column(RECORD_ID, "bigint", sequence="fo.recid", readonly=True)
    yield Column(RECORD_VERSION, "bigint", sequence="fo.recversion", restamped=True, readonly=True)


def _table(entity_set: EntitySet) -> Table:
    columns = tuple(c for c in entity_set.columns if c.name not in (RECORD_ID, RECORD_VERSION))
    company = ((COMPANY,),) if entity_set.per_company and len(entity_set.keys) == 1 else ()
    return Table(
        name=entity_set.table,
        key=entity_set.keys,
        columns=(*columns, *_hidden()),
        entity_set=entity_set.name,
        label=entity_set.label,
        indexes=(*company, *_INDEXES.get(entity_set.name, ())),
        tags=("finance",),
    )


def _text(name: str, default: str | None = "") -> Column:
    return Column(name, "string", default=default)


def _money(name: str) -> Column:
    return Column(name, "money", default=Decimal(0))


# Invoice proposals have no entity set: control, import and posting see them, clients don't.
# Source: reference/finance-and-operations.md, 10, "Invoice proposals".
_PRIVATE = (
    Table(
        PROPOSALS,
        (COMPANY, "ProposalId"),
        (
            _text(COMPANY), _text("ProposalId"), _text("InvoiceId"), _text("ProjectContractId"),
            _text("CustomerAccountNumber"), _text("CurrencyCode"), Column("InvoiceDate", "datetime", default=NO_DATE),
            _money("InvoiceAmount"), Column("ExpectedLines", "int", default=0), _text("Status", "Header"),
            _text("Reason"), _text("Voucher"), Column("ExternalId", "guid"), *_hidden(),
        ),
        indexes=(("ExternalId",), ("Status",)),
    ),
    Table(
        PROPOSAL_LINES,
        (COMPANY, "ActualsImportId"),
        (
            _text(COMPANY), Column("ActualsImportId", "guid"), Column("ActualId", "guid"), _text("ProposalId"),
            _text("ProjectId"), _text("ContractId"), _text("ContractLineId"), _text("Description"),
            _text("TransactionId"), _text("Classification"), _text("CurrencyCode"),
            Column("TransDate", "datetime", default=NO_DATE), _money("Amount"), _money("TaxAmount"),
            _money("Quantity"), *_hidden(),
        ),
        indexes=((COMPANY, "ProposalId"),),
    ),
)  # fmt: skip


def define_tables(world: World) -> None:
    """Make every table of this service known to the world."""
    for entity_set in entity_sets().values():
        world.define(_table(entity_set))
    for table in _PRIVATE:
        world.define(table)
