"""How the invariants say what they saw: the same words for what is new, unchanged, or not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from statecfg.model.plan import Finding
from statecfg.model.window import Window
from statecfg.resources.invariants.origins import NOBODY_KNOWS, Origin, Voucher

_HOLD = (
    "keep maintenance on; keep Import from staging and proposal posting on hold; don't resume any map and don't use "
    "Sync Actuals; "
)
OURS = _HOLD + (
    "give this list to finance: what is migrated was invoiced in the old system, so its vouchers must be reversed"
)
THEIRS = "nothing of this cutover moved; ask finance who posted it; what is right is explained, and the run goes on: "
UNCLEAR = _HOLD + (
    "give this list to finance, who say for each entry whether it is this cutover's; one that isn't is explained: "
)
EXPLAINING = 'add --attest voucher.{}="NAME: WHY"'


@dataclass(frozen=True, slots=True)
class Entry:
    """A new entry of a ledger, in words, with whose it is.

    voucher: by which it can be explained ("" = it can't). company: whose books. account: the customer's, "" = none.
    """

    words: str
    voucher: str = ""
    company: str = ""
    origin: Origin = NOBODY_KNOWS
    account: str = ""

    @property
    def key(self) -> Voucher:
        return (self.company.casefold(), self.voucher)

    @property
    def told(self) -> str:
        """What it is and whose."""
        return f"{self.words}: {self.origin.words}"


def sifted(entries: Iterable[Entry], window: Window | None) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """(what nobody explained, what somebody did, with who and why)."""
    said = {a.name.removeprefix("voucher."): f"{a.who}: {a.words}" for a in window.attestations} if window else {}
    listed = list(entries)
    explained = tuple(f"{e.told} ({said[e.voucher]})" for e in listed if e.voucher in said)
    return tuple(e for e in listed if e.voucher not in said), explained


def explained(code: str, title: str, names: Sequence[str]) -> Finding:
    """New entries that somebody explained."""
    return Finding(
        "info", f"{code}-explained", f"{len(names)} new entries are explained", title=title, details=tuple(names)
    )


def unchanged(code: str, title: str, what: str) -> Finding:
    """Nothing is new."""
    return Finding("ok", code, what, title=title)


def moved(code: str, title: str, what: str, entries: Sequence[Entry]) -> Finding:
    """Something is new; the entries say what and whose, one line each."""
    names = [entry.told for entry in entries]
    shown = "; ".join(names[:5]) + (f"; and {len(names) - 5} more" if len(names) > 5 else "")
    return Finding("block", code, f"{what}: {shown}", what_to_do(entries), title, details=tuple(names))


def what_to_do(entries: Sequence[Entry]) -> str:
    """What people must do now, by whose the entries are (rules 6.7)."""
    own = any(entry.origin.migrated for entry in entries)
    others = list(dict.fromkeys(e.voucher for e in entries if e.voucher and not e.origin.migrated))
    option = EXPLAINING.format(others[0] if len(others) == 1 else "NUMBER")
    if own:
        return f"{OURS}; a voucher of other work is explained: {option}" if others else OURS
    if all(entry.origin.migrated is False for entry in entries):
        return THEIRS + option
    return UNCLEAR + option


def with_origins(entries: Iterable[Entry], origins: Mapping[Voucher, Origin]) -> tuple[Entry, ...]:
    """The same entries, each with whose it is."""
    return tuple(replace(entry, origin=origins.get(entry.key, NOBODY_KNOWS)) for entry in entries)


def not_looked_at(code: str, title: str, why: str, *, production: bool) -> Finding:
    """Evidence that can't be had: asked in production, a warning elsewhere (rules 7.2)."""
    return Finding("ask" if production else "warn", f"{code}-unknown", f"not looked at: {why}", title=title)
