"""How the invariants say what they saw: the same words for what is new, unchanged, or not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from statecfg.model.plan import Finding
from statecfg.model.window import Window

HOLD = (
    "keep maintenance on; keep Import from staging and proposal posting on hold; don't resume any map and don't use "
    "Sync Actuals; give this list to finance, who say for each voucher whether it belongs to this cutover; one that "
    'doesn\'t is explained with --attest voucher.NUMBER="NAME: WHY"'
)
"""What people must do when something moved (rules 6.7)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A new entry of a ledger, in words, with the voucher by which it can be explained ("" = it can't)."""

    words: str
    voucher: str = ""


def sifted(entries: Iterable[Entry], window: Window | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what nobody explained, what somebody did, with who and why)."""
    said = {a.name.removeprefix("voucher."): f"{a.who}: {a.words}" for a in window.attestations} if window else {}
    listed = list(entries)
    explained = tuple(f"{e.words} ({said[e.voucher]})" for e in listed if e.voucher in said)
    return tuple(e.words for e in listed if e.voucher not in said), explained


def explained(code: str, title: str, names: Sequence[str]) -> Finding:
    """New entries that somebody explained."""
    return Finding(
        "info", f"{code}-explained", f"{len(names)} new entries are explained", title=title, details=tuple(names)
    )


def unchanged(code: str, title: str, what: str) -> Finding:
    """Nothing is new."""
    return Finding("ok", code, what, title=title)


def moved(code: str, title: str, what: str, names: Sequence[str]) -> Finding:
    """Something is new; `names` says what, one line each."""
    shown = "; ".join(names[:5]) + (f"; and {len(names) - 5} more" if len(names) > 5 else "")
    return Finding("block", code, f"{what}: {shown}", HOLD, title, details=tuple(names))


def not_looked_at(code: str, title: str, why: str, *, production: bool) -> Finding:
    """Evidence that can't be had: asked in production, a warning elsewhere (rules 7.2)."""
    return Finding("ask" if production else "warn", f"{code}-unknown", f"not looked at: {why}", title=title)
