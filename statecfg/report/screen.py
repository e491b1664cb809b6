"""Where lines meet a stream: colour or none, and signs that the stream's encoding can't write.

The only place that makes a rich Console, always with markup and highlighting off: data is never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.text import Text

from statecfg.report.layout import WIDTH


def console(stream: TextIO, *, colour: bool) -> Console:
    """A console on a stream, WIDTH columns wide, that writes what it is given and nothing else."""
    return Console(
        file=stream,
        width=WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=True,
        no_color=not colour,
        force_terminal=colour or None,
        legacy_windows=False,
    )


def write(lines: Iterable[Text], stream: TextIO, *, colour: bool) -> None:
    """Write lines as they come; a stream of a million of them is never held."""
    out = console(stream, colour=colour) if colour else None
    encoding = getattr(stream, "encoding", None) or "utf-8"
    for text in lines:
        if out:
            out.print(writable(text, encoding))
        else:
            stream.write(writable(text, encoding).plain.rstrip() + "\n")
    stream.flush()


def writable(text: Text, encoding: str) -> Text:
    """`text` with every character that `encoding` lacks as its escape, so that no screen ends in an encoding error."""
    shown = text.plain.encode(encoding, "backslashreplace").decode(encoding)
    return text if shown == text.plain else Text(shown, style=text.style)
