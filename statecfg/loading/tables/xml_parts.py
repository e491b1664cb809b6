"""XML parts of a workbook as streams of elements: no document type, no entities, no tree in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import IO, Any
from xml.parsers import expat

from statecfg.loading.tables.cells import TableError

CHUNK = 1 << 16
MOST_ELEMENTS = 500_000
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


def parse_part(stream: IO[bytes], start: Start, end: End | None = None, text: Text | None = None) -> Iterator[None]:
    """Feed a part through the handlers, chunk by chunk; yields after each. Tags come without the root's prefix.

    Raises TableError if it is no XML or declares a document type.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype

    def begin(name: str, attributes: dict[str, str]) -> None:
        prefix, colon, _ = name.rpartition(":")
        cut = len(prefix) + 1 if colon else 0
        # Nearly every workbook has no prefix: then the handlers are called without a step between.
        parser.StartElementHandler = (lambda tag, given: start(tag[cut:], given)) if cut else start
        if end is not None:
            parser.EndElementHandler = (lambda tag: end(tag[cut:])) if cut else end
        if text is not None:
            parser.CharacterDataHandler = text
        start(name[cut:], attributes)

    parser.StartElementHandler = begin
    try:
        while chunk := stream.read(CHUNK):
            parser.Parse(chunk, False)
            yield
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise TableError("damaged-workbook", f"is damaged: {error}", "open it in Excel and save it again") from error
    yield


def _refuse_doctype(*_: Any) -> None:
    raise TableError("damaged-workbook", "has a document type in it, which no workbook has", "save it again in Excel")


def elements(stream: IO[bytes]) -> list[tuple[str, dict[str, str]]]:
    """Every element of a small part with its attributes, in order. Raises TableError if it isn't small."""
    found: list[tuple[str, dict[str, str]]] = []
    for _ in parse_part(stream, lambda tag, attributes: found.append((tag, attributes))):
        if len(found) > MOST_ELEMENTS:
            raise TableError("workbook-too-large", "has too many styles or sheets", "copy the table to a new one")
    return found


def unescaped(text: str) -> str:
    """A text with its `_x000D_` sequences as the characters that they mean."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if 0xD800 <= code <= 0xDFFF else chr(code)
