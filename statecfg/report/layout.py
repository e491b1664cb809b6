"""Lines of text with hanging columns, 100 wide: what every screen is laid out with.

Pure: strings in, rich Text out. Nothing here reads markup from data, and every sign is ASCII, so that a log file,
an old console and a terminal show the same lines; colour only repeats what a sign or a word says already.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from rich.text import Text

from statecfg.report.words import plain

WIDTH = 100
RULE = "-" * WIDTH
LEAST_ROOM = 12

STYLES = {
    "+": "green", "~": "yellow", ">": "cyan", "!": "bold red", "=": "dim", "?": "bold magenta",
    "ok": "green", "info": "cyan", "warn": "yellow", "ask": "bold magenta", "block": "bold red",
    "done": "green", "failed": "bold red", "stopped": "bold red", "unknown": "bold magenta", "not_started": "dim",
    "head": "bold", "quiet": "dim", "error": "bold red",
}  # fmt: skip


def style(name: str) -> str:
    """The colour of a sign or word of ours; none for anything else."""
    return STYLES.get(name, "")


def blank() -> Text:
    """An empty line."""
    return Text("")


def heading(words: str) -> Text:
    """A line that names what follows."""
    return Text(plain(words), style=style("head"))


def line(*parts: str | tuple[str, str]) -> Text:
    """One line of parts side by side: words, or (words, name of a style)."""
    text = Text()
    for part in parts:
        words, name = (part, "") if isinstance(part, str) else part
        text.append(plain(words), style=style(name))
    return text


def hanging(lead: Text, body: str, *, at: int, name: str = "") -> Iterator[Text]:
    """`lead`, then `body` from column `at` on, wrapped to the width; its further lines start there too.

    A lead that is too long keeps its line for itself, if the body would not fit behind it. Words longer than the
    room (addresses, paths, commands) are never broken: they can be copied whole.
    """
    lead = lead.copy()
    lead.rstrip()
    beside = max(at, len(lead.plain) + 1 if lead.plain else 0)
    rows = _wrapped(body, WIDTH - at)
    if not rows:
        yield lead
        return
    if beside > at and (len(rows) > 1 or beside + len(rows[0]) > WIDTH):
        yield lead
        lead, beside = Text(""), at
    lead.append(" " * (beside - len(lead.plain)))
    yield lead.append(rows[0], style=style(name))
    for row in rows[1:]:
        yield Text(" " * at).append(row, style=style(name))


def indented(words: str, at: int, name: str = "") -> Iterator[Text]:
    """`words` wrapped, each line starting at column `at`."""
    return hanging(Text(""), words, at=at, name=name) if words else iter(())


def table(rows: Iterable[tuple[str, ...]], *, indent: int = 0, head: bool = True) -> Iterator[Text]:
    """Rows with their columns aligned, the first one as headings; the last column is wrapped."""
    cells = [tuple(plain(cell) for cell in row) for row in rows]
    if not cells:
        return
    widths = [max(len(row[i]) for row in cells) + 2 for i in range(len(cells[0]) - 1)]
    at = indent + sum(widths)
    for i, row in enumerate(cells):
        name = "head" if head and i == 0 else ""
        lead = "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield from hanging(Text(" " * indent + lead.rstrip(), style=style(name)), row[-1], at=at, name=name)


def _wrapped(body: str, room: int) -> list[str]:
    return textwrap.wrap(
        plain(body), max(room, LEAST_ROOM), break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
