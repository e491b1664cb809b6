"""What a started sandbox says: lines for a person, from its details and its control path's answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

SERVICES = (
    ("Dataverse", "dataverse_url"),
    ("Finance and Operations", "finance_url"),
    ("Dual-write gateway", "dualwrite_url"),
    ("Entra ID", "entra_url"),
    ("Power Platform admin", "admin_url"),
)


def started_lines(directory: Path, details: Mapping[str, Any]) -> Iterator[str]:
    """What is there, where it is, and what to do next. directory: as the user wrote it."""
    world = details["world"]
    yield f"The sandbox is ready (process {details['pid']})."
    yield ""
    yield f"  {'world':<24}{_world(world)}"
    for name, key in SERVICES:
        yield f"  {name:<24}{details[key]}"
    yield f"  {'a page to look at it':<24}{details['dataverse_url']}/"
    yield f"  {'legacy export':<24}{directory / 'data' / 'milestones.csv'}"
    if world["unusable"]:
        rows = _counted(world["unusable"], "row")
        yield f"  {'':<24}{rows} of your export can't be used: {directory / 'data' / 'unusable.csv'}"
    yield f"  {'inventory':<24}{directory / 'inventory'}"
    yield ""
    yield "Next, from the project's root:"
    yield f"  statecfg plan cutover -i {directory / 'inventory'}"


def status_lines(details: Mapping[str, Any], status: Mapping[str, Any], ledger: Mapping[str, Any]) -> Iterator[str]:
    """Where a running sandbox is, its maps by all witnesses, its counts, AR and GL by legal entity."""
    yield f"Running as process {details['pid']} since {details['started']}."
    yield ""
    for name, key in SERVICES:
        yield f"  {name:<24}{details[key]}"
    yield ""
    yield f"  {'Map':<12}{'version':<32}{'gateway':<16}{'Dataverse':<16}{'Finance':<16}"
    for name, told in status["maps"].items():
        said = "".join(f"{told[witness]:<16}" for witness in ("gateway", "dataverse", "finance"))
        yield f"  {name:<12}{told['active']:<32}{said}".rstrip()
    yield ""
    for name, counted in status["counts"].items():
        yield f"  {name:<32}{_counts(counted)}"
    yield ""
    yield f"  {'AR and GL':<12}{'entries':>10}{'AR balance':>20}{'of it open':>20}{'entries':>10}{'GL debit':>20}"
    for entity, books in ledger.items():
        ar, gl = books["ar"], books["gl"]
        receivable = f"{ar['count']:>10,}{_money(ar['amount']):>20}{_money(ar['open_amount']):>20}"
        yield f"  {entity + ' ' + gl['currency']:<12}{receivable}{gl['count']:>10,}{_money(gl['debit']):>20}"


def posting_lines(imported: Mapping[str, Any], posted: Mapping[str, Any]) -> Iterator[str]:
    """What an import from staging and the posting after it did."""
    lines, proposals = _counted(imported["lines"], "line"), _counted(len(imported["proposals"]), "proposal")
    yield f"Imported from staging: {lines} for {proposals}."
    for waiting in imported["incomplete"]:
        yield f"  {waiting['proposal']} waits: {waiting['reason']}"
    yield f"Posted: {_counted(len(posted['posted']), 'invoice')}."
    for invoice in posted["posted"]:
        yield f"  {invoice['company']}  {invoice['invoice']}  voucher {invoice['voucher']}  {_money(invoice['amount'])}"


def _world(world: Mapping[str, Any]) -> str:
    parts = (
        _counted(world["contracts"], "contract"),
        f"{_counted(world['milestones'], 'milestone')} to migrate",
        f"{world['by_hand']:,} of them made by hand before",
        f"seed {world['seed']}",
    )
    return ", ".join(parts)


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _counts(counted: Any) -> str:
    if not isinstance(counted, Mapping):
        return f"{counted:,}"
    return ", ".join(f"{number:,} {name}" for name, number in counted.items()) or "none"


def _money(amount: Any) -> str:
    """An amount with at least two decimals, thousands apart, and no digit lost."""
    whole, _, cents = f"{Decimal(amount):,f}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"
