"""How the invariants say what they saw: the same words for what is new, unchanged, or not looked at."""

from __future__ import annotations

from collections.abc import Sequence

from statecfg.model.plan import Finding

HOLD = (
    "keep maintenance on; keep Import from staging and proposal posting on hold; don't resume any map and don't use "
    "Sync Actuals; give this list to finance, who say for each voucher whether it belongs to this cutover"
)
"""What people must do when something moved (rules 6.7)."""


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
