"""`$batch`: requests in one multipart body, change sets included. Lenient in what it reads, exact in what it writes.

Clients differ in line ends, quoting, blank lines and forms of address; some find a batch's parts only by the texts
`--batchresponse_` and `--changesetresponse_`. Source: reference/dataverse.md, "$batch".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.exchange import Exchange, error_answer, preferences
from statecfg.sandbox.dataverse.mistakes import BATCH_PREFIX, batch_delimiter, kept_headers
from statecfg.sandbox.dataverse.undecided import batch_status
from statecfg.sandbox.wire import Answer, Request
from statecfg.sandbox.world import Refused, Tx

LIMIT = 1000
ADDRESS_LIMIT = 65_536
_LINE = re.compile(rb"\r?\n")
_BLANK = re.compile(rb"\r?\n\r?\n")
_API = re.compile(r"^(?:https?://[^/]+)?/api/data/v\d+\.\d+/", re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary\s*=\s*("[^"]*"|[^;\s]+)', re.IGNORECASE)

# Handle one request in a transaction of its own, or in the one given.
Handle = Callable[[Exchange, Tx | None], Answer]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Inner:
    """One request of a batch; content_id: "" without one."""

    exchange: Exchange
    content_id: str


def batch_answer(exchange: Exchange, handle: Handle) -> Answer:
    """The answer to `POST $batch`. Raises Refused for a body that can't be understood."""
    boundary = _boundary(exchange.request.headers.get("content-type", ""))
    operations = [_operation(exchange, part) for part in _parts(exchange.request.body, boundary)]
    if sum(len(each) if isinstance(each, list) else 1 for each in operations) > LIMIT:
        raise errors.bad_payload(f"Error Message : The number of requests in the batch exceeds the limit of {LIMIT}.")
    texts: list[bytes] = []
    answers: list[Answer] = []
    for operation in operations:
        done = _done(operation, handle)
        answers += [answer for _, answer in done]
        texts.append(_set_text(done) if isinstance(operation, list) else _http_text(*done[0]))
        if answers[-1].status >= 400 and not exchange.prefer.continue_on_error:
            break
    return _answer(exchange, texts, answers)


def _answer(exchange: Exchange, texts: list[bytes], answers: list[Answer]) -> Answer:
    settings, goes_on = exchange.world.settings, exchange.prefer.continue_on_error
    stopped = answers[-1].status if answers and answers[-1].status >= 400 and not goes_on else 0
    unique = uuid.uuid4()
    delimiter = f"{batch_delimiter(settings)}{unique}".encode()
    applied = {"Preference-Applied": "odata.continue-on-error"} if goes_on else {}
    body = b"".join(b"--%s\r\n%s" % (delimiter, text) for text in texts) + b"--%s--\r\n" % delimiter
    return Answer(
        status=batch_status(settings, stopped) if stopped else 200,
        body=body,
        headers={
            "Content-Type": f"multipart/mixed; boundary={BATCH_PREFIX}{unique}",
            "OData-Version": "4.0",
            **applied,
        },
        note={"rows": sum(int(answer.note.get("rows", 0)) for answer in answers), "requests": len(answers)},
    )


def _done(operation: Inner | list[Inner], handle: Handle) -> list[tuple[Inner, Answer]]:
    if not isinstance(operation, list):
        request = operation.exchange.request
        operation.exchange.world.hooks.before_part(request.service, request.method, request.target)
        return [(operation, _answered(operation, {}, handle, None))]
    if not operation:
        raise errors.bad_payload("Error Message : A change set must not be empty.")
    try:
        return _change_set(operation, handle)
    except _Failed as failed:
        return [(failed.inner, failed.answer)]


class _Failed(Exception):
    """A request of a change set failed; the whole set is undone."""

    def __init__(self, inner: Inner, answer: Answer) -> None:
        super().__init__(inner.content_id)
        self.inner = inner
        self.answer = answer


def _change_set(inners: list[Inner], handle: Handle) -> list[tuple[Inner, Answer]]:
    """All requests of a change set in one transaction. Raises _Failed, and then nothing was done."""
    references: dict[str, str] = {}
    done: list[tuple[Inner, Answer]] = []
    with inners[0].exchange.world.transaction() as tx:
        for inner in inners:
            answer = _answered(inner, references, handle, tx)
            if answer.status >= 400:
                raise _Failed(inner, answer)
            done.append((inner, answer))
            made = answer.headers.get("OData-EntityId")
            if made and inner.content_id:
                references[f"${inner.content_id.lstrip('$')}"] = made
    return done


def _answered(inner: Inner, references: Mapping[str, str], handle: Handle, tx: Tx | None) -> Answer:
    try:
        return handle(_resolved(inner.exchange, references), tx)
    except Refused as refused:
        return error_answer(refused, inner.exchange.prefer.details)


def _resolved(exchange: Exchange, references: Mapping[str, str]) -> Exchange:
    """A request with `$1` in its address replaced by what that request of its set made. Raises Refused."""
    first, slash, rest = exchange.path.partition("/")
    path = exchange.path
    if first.startswith("$") and first[1:] not in ("metadata", "batch"):
        if first not in references:
            message = f"Content-ID Reference: '{first}' does not exist in the batch context."
            raise Refused(errors.BAD_URI, message)
        path = _API.sub("", references[first]) + slash + rest
    return replace(exchange, path=path, references=references)


def _operation(exchange: Exchange, part: Part) -> Inner | list[Inner]:
    content_type = part.headers.get("content-type", "")
    if content_type.lower().startswith("multipart/mixed"):
        return [_changing(exchange, inner) for inner in _parts(part.body, _boundary(content_type))]
    return _inner(exchange, part)


def _changing(exchange: Exchange, part: Part) -> Inner:
    inner = _inner(exchange, part)
    if not inner.content_id:
        raise errors.bad_uri("Content-ID header is missing in a request of the change set.")
    if inner.exchange.method == "GET":
        raise errors.bad_payload("Error Message : A change set must not contain a GET request.")
    return inner


def _inner(exchange: Exchange, part: Part) -> Inner:
    head, body = _split(part.body.lstrip(b"\r\n"))
    line, _, rest = head.decode("utf-8", "replace").partition("\n")
    words = line.strip().split(" ")
    if len(words) < 2 or not re.fullmatch(r"[A-Za-z]+", words[0]):
        raise errors.bad_payload(f"Error Message : '{line.strip()[:200]}' is no request line.")
    address = " ".join(words[1:-1] if words[-1].upper().startswith("HTTP/") else words[1:])
    if len(address) > ADDRESS_LIMIT:
        raise errors.address_too_long(len(address), ADDRESS_LIMIT)
    headers = _headers(rest)
    path, _, query = _relative(address).partition("?")
    body = body.strip()
    request = Request(
        service=exchange.request.service,
        method=words[0].upper(),
        path=f"{_path_of(exchange.root)}/{path}",
        query=query,
        headers={"authorization": exchange.request.headers.get("authorization", ""), **headers},
        body=b"" if body == b"null" and words[0].upper() in ("DELETE", "GET") else body,
        base=exchange.request.base,
        request_id=exchange.request.request_id,
        trusted=exchange.request.trusted,
    )
    if path.lower().startswith("$batch"):
        raise errors.bad_payload("Error Message : A batch must not contain a batch.")
    made = replace(exchange, request=request, path=path, prefer=preferences(headers.get("prefer", "")), references={})
    return Inner(made, part.headers.get("content-id", headers.get("content-id", "")).strip())


def _relative(address: str) -> str:
    """What follows the API's root, from an absolute address, one without host, or a relative one."""
    return _API.sub("", address).lstrip("/")


def _path_of(root: str) -> str:
    return "/" + root.split("/", 3)[3]


def _boundary(content_type: str) -> str:
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/mixed") or found is None or not found[1].strip('"'):
        raise errors.bad_payload("Error Message : The content type of a batch must be multipart/mixed with a boundary.")
    return found[1].strip('"')


def _parts(body: bytes, boundary: str) -> list[Part]:
    """The parts of a multipart body. Raises Refused."""
    mark = re.escape(boundary.encode("latin-1", "replace"))
    pieces = re.split(rb"(?:^|\r?\n)--" + mark + rb"(--)?[ \t]*(?=\r?\n|$)", body)
    # Text before the first boundary is ignored; split gives each piece followed by its "--" if it closes.
    if len(pieces) < 3:
        raise errors.bad_payload("Error Message : The batch has no part with its boundary.")
    parts = []
    for closes, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if closes:
            break
        head, inner = _split(piece.lstrip(b"\r\n"))
        parts.append(Part(_headers(head.decode("utf-8", "replace")), inner))
    return parts


def _split(piece: bytes) -> tuple[bytes, bytes]:
    """Head and body, parted by the first blank line."""
    found = _BLANK.search(piece)
    return (piece, b"") if found is None else (piece[: found.start()], piece[found.end() :])


def _headers(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _http_text(inner: Inner, answer: Answer) -> bytes:
    """One answer as a part, without its boundary."""
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {inner.content_id}"] if inner.content_id else []
    lines += ["", f"HTTP/1.1 {answer.status} {_phrase(answer.status)}"]
    # Source: reference/dataverse.md, "URLs, headers, statuses": errors within a batch say which request they are of.
    failed = {"REQ_ID": inner.exchange.request.request_id} if answer.status >= 400 else {}
    headers = kept_headers(inner.exchange.world.settings, {**answer.headers, **failed})
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join([*lines, "", ""])).encode() + answer.body + b"\r\n"


def _set_text(done: list[tuple[Inner, Answer]]) -> bytes:
    """The answers of a change set as a part, without its boundary; a failed set has one answer."""
    name = f"changesetresponse_{uuid.uuid4()}".encode()
    inner = b"".join(b"--%s\r\n%s" % (name, _http_text(*each)) for each in done)
    return b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n%s--%s--\r\n" % (name, inner, name)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
