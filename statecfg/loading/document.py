"""YAML text as a tree in which every scalar keeps its own letters and its place.

The parser's guesses (0123 is 123, 1.10 is 1.1) would lose what was written, so nothing is interpreted here: what a
scalar means is the schema's business. Files are hostile until parsed: size, depth, nodes, tags, duplicate keys and
what aliases unfold to are all bounded. Knows nothing of what the documents are for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, Event, MappingStartEvent, ScalarEvent, SequenceStartEvent
from ruamel.yaml.events import MappingEndEvent as EndOfMapping
from ruamel.yaml.events import SequenceEndEvent as EndOfSequence
from ruamel.yaml.reader import ReaderError

from statecfg.loading.problems import Problems, shown
from statecfg.model.address import Source

LARGEST_FILE = 1_000_000
DEEPEST = 30
MOST_NODES = 20_000

Style = Literal["plain", "quoted", "made", "failed"]

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# Only what prints as it was written is a number: 0123, 1e3 and 0x10 stay text.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,30})\.[0-9]{1,30}\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written. style: `plain` without quotes, `quoted` (or a block), `made` by an expression, or `failed`:
    its expression is wrong, which has been said already.

    value: the expression's own result, for `made` only. is_path: a file's name, relative to the declaring file.
    """

    text: str
    source: Source
    style: Style = "plain"
    value: Any = None
    is_path: bool = False

    @property
    def is_null(self) -> bool:
        return self.value is None if self.style == "made" else self.style == "plain" and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence, in order."""

    items: tuple[Node, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping: keys in the order of the file, each once, with its own place."""

    entries: Mapping[str, Node]
    source: Source
    keys: Mapping[str, Source] = field(default_factory=dict)

    def place(self, key: str) -> Source:
        """Where a key stands; where the mapping begins for one that it doesn't have."""
        return self.keys.get(key, self.source)


Node = Scalar | ListNode | MapNode


def guess(scalar: Scalar) -> Any:
    """What a scalar is where no schema says it: None, bool, int or Decimal if it prints as written, else its text."""
    if scalar.style == "made":
        return scalar.value
    if scalar.style == "quoted":
        return scalar.text
    if scalar.text in _NULLS:
        return None
    if scalar.text in _BOOLEANS:
        return _BOOLEANS[scalar.text]
    if _INTEGER.match(scalar.text):
        return int(scalar.text)
    return Decimal(scalar.text) if _DECIMAL.match(scalar.text) else scalar.text


def plain(node: Node) -> Any:
    """A tree as plain Python values, scalars guessed; for comparing and for free variables."""
    if isinstance(node, Scalar):
        return guess(node)
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


def node_of(value: Any, source: Source) -> Node:
    """Plain Python values as a tree, all at one place. What has no form in YAML becomes its text."""
    if isinstance(value, Mapping):
        entries = {str(key): node_of(item, source) for key, item in value.items()}
        return MapNode(entries, source, dict.fromkeys(entries, source))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ListNode(tuple(node_of(item, source) for item in value), source)
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    return Scalar(text_of(exact), source, "made", exact)


def text_of(value: Any) -> str:
    """A scalar value as YAML spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value)


def read_document(path: Path, problems: Problems) -> Node | None:
    """The tree of one YAML file; None if it is empty or wrong (then `problems` has it)."""
    text = _file_text(path, problems)
    return None if text is None else parse_document(text, shown(path), problems)


def parse_document(text: str, file: str, problems: Problems) -> Node | None:
    """The tree of a YAML text. `file` is the name that places carry."""
    try:
        return _Composer(file, problems).document(_events(text))
    except _Refused as refused:
        problems.add(refused.code, refused.source, refused.what, refused.do)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.add(
            "control-character", Source(file, line), f"the character {_code_point(error.character)} can't stand in YAML"
        )
    except MarkedYAMLError as error:
        problems.add("yaml-syntax", _error_place(error, file), *_error_words(error))
    except (YAMLError, ValueError, RecursionError) as error:
        problems.add("yaml-syntax", Source(file), f"this is no YAML: {str(error).splitlines()[0][:200]}")
    return None


def _file_text(path: Path, problems: Problems) -> str | None:
    where = Source(shown(path))
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        problems.add("unreadable-file", where, f"can't be read: {error.strerror}")
        return None
    if len(raw) > LARGEST_FILE:
        problems.add(
            "file-too-large", where, f"larger than {LARGEST_FILE:,} bytes", "records belong into a csv or xlsx file"
        )
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.add("not-utf8", Source(shown(path), line), "is not UTF-8", "save it with the encoding UTF-8")
        return None


def _events(text: str) -> Iterator[Event]:
    events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
    return events


def _code_point(character: int | str) -> str:
    return f"U+{ord(character) if isinstance(character, str) else character:04X}"


def _error_place(error: MarkedYAMLError, file: str) -> Source:
    mark = error.problem_mark or error.context_mark
    return Source(file, mark.line + 1, mark.column + 1) if mark else Source(file)


def _error_words(error: MarkedYAMLError) -> tuple[str, str]:
    problem = error.problem or "something is wrong here"
    if "'\\t'" in problem:
        return "a tab where YAML wants spaces", "indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a second `:` in this line", "put the value in quotes, or start a new line"
    begun = error.context_mark
    context = f" ({error.context}, begun in line {begun.line + 1})" if error.context and begun else ""
    return f"YAML can't be read here: {problem}{context}", ""


class _Refused(Exception):
    """The document as a whole can't be taken."""

    def __init__(self, code: str, source: Source, what: str, do: str = "") -> None:
        super().__init__(what)
        self.code, self.source, self.what, self.do = code, source, what, do


@dataclass(frozen=True, slots=True)
class _Sized:
    """A finished node and how many nodes it unfolds to."""

    node: Node
    size: int
    depth: int


class _Composer:
    """Builds the tree of one document from the parser's events, and counts while it does."""

    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._anchors: dict[str, _Sized] = {}
        self._nodes = 0

    def document(self, events: Iterator[Event]) -> Node | None:
        """The only document of a stream; None if there is none."""
        root: Node | None = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(
                        "several-documents",
                        self._source(event),
                        "a second document begins here",
                        "one file, one document",
                    )
            elif isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent | AliasEvent):
                root = self._node(event, events, 1).node
        return None if isinstance(root, Scalar) and root.is_null else root

    def _source(self, event: Event) -> Source:
        return Source(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Any, events: Iterator[Event], depth: int) -> _Sized:
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        self._check(event, 1, depth)
        if isinstance(event, ScalarEvent):
            made = _Sized(self._scalar(event), 1, 0)
        elif isinstance(event, SequenceStartEvent):
            made = self._sequence(event, events, depth)
        else:
            made = self._mapping(event, events, depth)
        if event.anchor:
            self._anchors[event.anchor] = made
        return made

    def _scalar(self, event: ScalarEvent) -> Scalar:
        found = _UNPRINTABLE.search(event.value)
        if found:
            what = f"the character {_code_point(found[0])} can't stand in a value"
            raise _Refused("control-character", self._source(event), what)
        style: Style = "plain" if event.style is None and not event.ctag else "quoted"
        return Scalar(event.value, self._source(event), style)

    def _check(self, event: Event, nodes: int, depth: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            raise _Refused("too-many-values", self._source(event), f"more than {MOST_NODES:,} values, aliases unfolded")
        if depth > DEEPEST:
            raise _Refused("too-deep", self._source(event), f"nested deeper than {DEEPEST} levels")
        tag = str(getattr(event, "ctag", None) or "")
        if tag and tag not in ("!!str", "tag:yaml.org,2002:str", "!"):
            raise _Refused("tag", self._source(event), f"the tag `{tag}` isn't used here", "remove it")

    def _alias(self, event: Any, depth: int) -> _Sized:
        made = self._anchors.get(event.anchor)
        if made is None:
            raise _Refused("unknown-alias", self._source(event), f"`*{event.anchor}` names nothing that ends above")
        self._check(event, made.size, depth + made.depth)
        return made

    def _sequence(self, start: Event, events: Iterator[Event], depth: int) -> _Sized:
        made = []
        for event in events:
            if isinstance(event, EndOfSequence):
                break
            made.append(self._node(event, events, depth + 1))
        node = ListNode(tuple(each.node for each in made), self._source(start))
        return _Sized(node, *_extent(made))

    def _mapping(self, start: Event, events: Iterator[Event], depth: int) -> _Sized:
        made: dict[str, _Sized] = {}
        keys: dict[str, Source] = {}
        for event in events:
            if isinstance(event, EndOfMapping):
                break
            key = self._key(self._node(event, events, depth + 1).node)
            value = self._node(next(events), events, depth + 1)
            if key.text in made:
                self._duplicate(key, keys[key.text])
                continue
            made[key.text], keys[key.text] = value, key.source
        entries = {key: value.node for key, value in made.items()}
        return _Sized(MapNode(entries, self._source(start), keys), *_extent(list(made.values())))

    def _key(self, node: Node) -> Scalar:
        if isinstance(node, MapNode):
            what = "a `{` within braces begins a mapping where a word is wanted"
            raise _Refused("key-not-text", node.source, what, 'an expression stands in quotes: "{{ name }}"')
        if isinstance(node, ListNode) or node.is_null:
            raise _Refused("key-not-text", node.source, "a key must be a word")
        if node.text == "<<" and node.style == "plain":
            raise _Refused("merge-key", node.source, "`<<` isn't part of YAML 1.2", "write the keys out")
        return node

    def _duplicate(self, key: Scalar, first: Source) -> None:
        what = f"`{key.text}` stands here twice (first in line {first.line})"
        self._problems.add("duplicate-key", key.source, what, "keep one of them")


def _extent(made: Sequence[_Sized]) -> tuple[int, int]:
    return 1 + sum(each.size for each in made), 1 + max((each.depth for each in made), default=0)
