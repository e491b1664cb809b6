"""`$batch`: parts taken apart, each done like a request of its own, change sets all or nothing.

Sloppy boundaries of real clients are taken (white space at the end of the line); a part may be throttled alone.
Source: reference/finance-and-operations.md, 3.5.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from statecfg.sandbox.finance.errors import WireError, bad_body
from statecfg.sandbox.finance.odata import ROOT, Ask, perform
from statecfg.sandbox.wire import Answer
from statecfg.sandbox.world import Tx, World

SERVICE = "finance"
LARGEST = 5000
_LINE = re.compile(rb"\r?\n")

# What one part meets before it is done: None, or the answer that it gets instead.
Meeting = Callable[[Ask], Answer | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One operation of a batch with the content id it is called by."""

    ask: Ask
    content_id: str


def boundary_of(content_type: str) -> str | None:
    """The boundary of a multipart content type, None if it is none."""
    kind, _, parameters = content_type.partition(";")
    if not kind.strip().lower().startswith("multipart/"):
        return None
    found = re.search(r'boundary="?([^";]+)"?', parameters, re.IGNORECASE)
    return found.group(1).strip() if found else None


def batch_answer(world: World, ask: Ask, meet: Meeting) -> Answer:
    """The multipart answer to a batch. Raises WireError where it can't be taken apart."""
    boundary = boundary_of(ask.headers.get("content-type", ""))
    if boundary is None:
        raise bad_body("The content type of a batch must be multipart/mixed with a boundary.")
    groups = [list(_parts(ask, headers, body)) for headers, body in _sections(ask.body, boundary)]
    if not groups or sum(len(group) for _, group in map(_flat, groups)) > LARGEST:
        raise bad_body(f"A batch holds between 1 and {LARGEST} operations.")
    mark = f"batchresponse_{uuid.uuid4()}"
    body = b"".join(_group_text(world, group, mark, meet) for group in map(_flat, groups))
    return Answer(200, body + f"--{mark}--\r\n".encode(), {"Content-Type": f"multipart/mixed; boundary={mark}"})


def _flat(group: Sequence[Part | list[Part]]) -> tuple[bool, list[Part]]:
    """Whether a section is a change set, and its parts."""
    if len(group) == 1 and isinstance(group[0], list):
        return True, group[0]
    return False, [part for part in group if isinstance(part, Part)]


def _sections(body: bytes, boundary: str) -> Iterator[tuple[dict[str, str], bytes]]:
    """Headers and content of each part between boundaries. Raises WireError."""
    mark = re.escape(b"--" + boundary.encode())
    pieces = re.split(rb"(?:^|\r?\n)" + mark + rb"(?:--)?[ \t]*(?=\r?\n|$)", body)
    if len(pieces) < 3:
        raise bad_body("The batch does not hold the boundary it names.")
    for piece in pieces[1:-1]:
        yield _headed(re.sub(rb"^\r?\n", b"", piece))


def _headed(piece: bytes) -> tuple[dict[str, str], bytes]:
    parts = re.split(rb"\r?\n\r?\n", piece, maxsplit=1)
    return _headers(parts[0]), parts[1] if len(parts) == 2 else b""


def _headers(text: bytes) -> dict[str, str]:
    lines = (line.decode("utf-8", "replace").partition(":") for line in _LINE.split(text) if line.strip())
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _parts(ask: Ask, headers: Mapping[str, str], body: bytes) -> Iterator[Part | list[Part]]:
    inner = boundary_of(headers.get("content-type", ""))
    if inner is None:
        yield _part(ask, headers, body)
        return
    yield [_part(ask, each, content) for each, content in _sections(body, inner)]


def _part(ask: Ask, headers: Mapping[str, str], content: bytes) -> Part:
    lines = _LINE.split(content.lstrip(), maxsplit=1)
    words = lines[0].decode("utf-8", "replace").split()
    if len(words) < 2 or headers.get("content-type", "application/http").split(";")[0].strip() != "application/http":
        raise bad_body("A part of the batch is no request.")
    inner, body = _headed(lines[1]) if len(lines) == 2 else ({}, b"")
    target = urlsplit(words[1])
    rest = target.path.partition(ROOT + "/")[2] if ROOT + "/" in target.path else target.path.lstrip("/")
    options = dict(parse_qsl(target.query, keep_blank_values=True))
    part = replace(ask, method=words[0].upper(), rest=rest, options=options, headers=inner, body=body.rstrip(b"\r\n"))
    return Part(part, headers.get("content-id", ""))


def _group_text(world: World, group: tuple[bool, list[Part]], mark: str, meet: Meeting) -> bytes:
    is_change_set, parts = group
    if not is_change_set:
        return b"".join(_framed(mark, part, _alone(world, part.ask, meet)) for part in parts)
    inner = f"changesetresponse_{uuid.uuid4()}"
    answers = _together(world, parts, meet)
    content = b"".join(_framed(inner, part, answer) for part, answer in answers)
    head = f"--{mark}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode()
    return head + content + f"--{inner}--\r\n".encode()


def _alone(world: World, ask: Ask, meet: Meeting) -> Answer:
    met = meet(ask)
    if met is not None:
        return met
    world.hooks.before_part(SERVICE, ask.method, f"{ROOT}/{ask.rest}")
    try:
        with world.transaction() as tx:
            return perform(tx, ask).answer()
    except WireError as refusal:
        return refusal.answer()


def _together(world: World, parts: Sequence[Part], meet: Meeting) -> list[tuple[Part, Answer]]:
    """Answers of a change set: all of them, or the one refusal that undid it."""
    failed = parts[:1]
    try:
        with world.transaction() as tx:
            done = []
            for part in parts:
                failed = [part]
                done.append((part, _in_set(tx, part.ask, meet)))
            return done
    except _Met as met:
        return [(failed[0], met.answer)]
    except WireError as refusal:
        return [(failed[0], refusal.answer())] if failed else []


class _Met(Exception):
    """A part of a change set met a fault, which undoes the set."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def _in_set(tx: Tx, ask: Ask, meet: Meeting) -> Answer:
    met = meet(ask)
    if met is not None:
        raise _Met(met)
    return perform(tx, ask).answer()


_REASONS = {200: "OK", 201: "Created", 204: "No Content", 429: "Too Many Requests"}


def _framed(mark: str, part: Part, answer: Answer) -> bytes:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head += [f"Content-ID: {part.content_id}"] if part.content_id else []
    status = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Error')}"
    inner = [f"{name}: {value}" for name, value in answer.headers.items()]
    lines = [f"--{mark}", *head, "", status, *inner, "OData-Version: 4.0", "", ""]
    return "\r\n".join(lines).encode() + answer.body + b"\r\n"
