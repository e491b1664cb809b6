"""Small projects on disk, with small kinds of their own, for the tests of loading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from statecfg.loading.project import Project, load_project
from statecfg.model.columns import Columns, Delimiter, Encoding
from statecfg.model.declared import Desired
from statecfg.model.errors import DeclarationError, Problem


@dataclass(frozen=True, slots=True)
class SwitchSpec:
    on: bool = False
    label: str = ""
    level: int | None = None
    version: Version | Literal["original"] | None = None


@dataclass(frozen=True, slots=True)
class Version:
    publisher: str
    number: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SwitchWants:
    running: Literal["running", "stopped"] | None = None
    version: Literal["cutover", "original"] | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    count: int | None = None
    sum: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowsSpec:
    from_: str
    expect: Expect = Expect()
    columns: Columns | None = None
    sheet: str = ""
    delimiter: Delimiter | None = None
    encoding: Encoding | None = None
    key: tuple[Literal["contract", "name"], ...] = ("contract",)


class Row(NamedTuple):
    row: int
    contract: str
    name: str
    amount: Decimal
    tax: Decimal | None
    date: date | None
    invoiced: bool | None


@dataclass(frozen=True, slots=True)
class ListsSpec:
    of: str


class Switch:
    Spec: ClassVar[type] = SwitchSpec
    Row: ClassVar[type | None] = None
    Wants: ClassVar[type | None] = SwitchWants

    @classmethod
    def problems(cls, desired: Desired) -> Iterable[Problem]:
        return ()


class Rows(Switch):
    Spec: ClassVar[type] = RowsSpec
    Row: ClassVar[type | None] = Row
    Wants: ClassVar[type | None] = None

    @classmethod
    def problems(cls, desired: Desired) -> Iterable[Problem]:
        """A row named `twice` is wrong, whatever else is."""
        for row in desired.records or ():
            if row.name == "twice":
                yield Problem("twice", desired.source, f"row {row.row} is there twice")


class Lists(Switch):
    Spec: ClassVar[type] = ListsSpec
    Wants: ClassVar[type | None] = None


@dataclass(frozen=True, slots=True)
class ModeSpec:
    mode: Literal["on", "off"] = "on"
    of: str = ""


@dataclass(frozen=True, slots=True)
class PhaseSpec:
    phase: str


@dataclass(frozen=True, slots=True)
class NothingSpec:
    pass


def check(spec: type) -> type:
    return type("Check", (), {"Spec": spec})


KINDS = {"switch": Switch, "rows": Rows, "lists": Lists}
CHECKS = {"mode": check(ModeSpec), "complete": check(PhaseSpec), "nothing": check(NothingSpec)}
INVARIANTS = {"ledger": check(ModeSpec)}

HOSTS = "all: {children: {test: {hosts: {uat: }}}}"
HOST_VARS = """\
class: test
dataverse: https://dataverse.example
finance: https://finance.example
dualwrite: https://dualwrite.example
tenant: contoso.example
auth:
  dataverse: {client_id: app, client_secret: {env: SECRET}}
"""
PHASE = "phase: cutover\n"


def written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Files below a folder; an inventory and a state file are there unless given."""
    whole: dict[str, str | bytes] = {
        "inventory/hosts.yml": HOSTS,
        "inventory/host_vars/uat.yml": HOST_VARS,
        "states/cutover.yml": PHASE,
        **files,
    }
    for name, content in whole.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def load(folder: Path, *, limit: str | None = None, extra: Mapping[str, str] | None = None) -> Project:
    """What the project in a folder declares."""
    return load_project(
        folder / "inventory",
        folder / "states",
        limit=limit,
        extra=extra or {},
        kinds=KINDS,
        checks=CHECKS,
        invariants=INVARIANTS,
    )


def problems(folder: Path, **options: Any) -> list[Problem]:
    """What is wrong with the project in a folder; empty if nothing is."""
    try:
        load(folder, **options)
    except DeclarationError as error:
        return list(error.problems)
    return []


def told(folder: Path, **options: Any) -> list[str]:
    """The problems of a project as `code file:line:column`, the files by their last name."""
    return [
        f"{problem.code} {Path(problem.where.file).name}:{problem.where.line}:{problem.where.column}"
        for problem in problems(folder, **options)
    ]
