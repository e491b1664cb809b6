"""Who is at work in an environment, as lines of text. Pure."""

from __future__ import annotations

from rich.text import Text

from statecfg.model.lease import Lease


def lock_lines(held: Lease | None, words: str) -> list[Text]:
    """One line: `words`, and who holds the lock since when; only `words` if nobody does."""
    if held is None:
        return [Text(words)]
    phase = f", phase {held.holder.phase}" if held.holder.phase else ""
    since = f"renewed {held.age_s:.0f} s ago" + (", expired" if held.expired else "")
    return [Text(f"{words} {held.holder}{phase}; {since}.")]
