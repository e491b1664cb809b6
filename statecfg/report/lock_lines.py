"""Who is at work in an environment, as lines of text. Pure."""

from __future__ import annotations

from rich.text import Text

from statecfg.model.lease import Lease
from statecfg.report.layout import hanging


def lock_lines(held: Lease | None, words: str) -> list[Text]:
    """One sentence: `words`, and who holds the lock since when; only `words` if nobody does."""
    if held is None:
        return [Text(words)]
    phase = f", phase {held.holder.phase}" if held.holder.phase else ""
    since = f"renewed {held.age_s:.0f} s ago" + (", expired" if held.expired else "")
    gone = " Its process is gone: the next run on this host takes it over." if held.void else ""
    return list(hanging(Text(""), f"{words} {held.holder}{phase}; {since}.{gone}", at=0))
