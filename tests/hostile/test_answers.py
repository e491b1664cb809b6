"""Whatever stands between the product and its services, an answer is an exit code and a message with its place.

Real sockets, real TLS: a proxy under the sandbox's own authority spoils what passes.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from tests.end_to_end.command import Said
from tests.end_to_end.rig import Rig
from tests.end_to_end.stage import Stage, staged
from tests.hostile import wire
from tests.hostile.proxy import Exchange, Mischief, Proxy, before
from tests.hostile.running import run_on

AT_ONCE = {"gateway.request_reads": 0}
WAITS = {"map_s": "2", "witness_s": "1", "arrival_s": "2", "confirm_s": "2", "create_s": "2", "service_s": "1.5"}
DEADLINE_S = 45.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("answers"), contracts=2, milestones=4, **AT_ONCE) as stage:
        yield stage


@pytest.fixture(scope="module")
def proxy(stage: Stage) -> Iterator[Proxy]:
    with before(stage.sandbox) as proxy:
        yield proxy


def taken(stage: Stage, proxy: Proxy, place: Path, mischief: Mischief) -> Rig:
    proxy.mischief = mischief
    proxy.seen.clear()
    rig = proxy.rig(stage.take(), place)
    rig.extra |= {f"waits.{name}": value for name, value in WAITS.items()}
    return rig


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Fails if the block is still at work after so long."""

    def over(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"still at work after {seconds} s")

    before_ = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before_)


def asked(rig: Rig, *words: str) -> Said:
    with deadline(DEADLINE_S):
        return run_on(rig, *words)


def assert_told(said: Said, *codes: int) -> None:
    """A message with a place, and nothing of a program's insides or for a terminal to obey."""
    assert said.code in codes, said.all
    assert "Traceback" not in said.all
    assert "unexpected" not in said.all
    assert "\x1b" not in said.all
    assert "https://localhost:" in said.all
    assert len(said.all) < 20_000


ORDERS = ("dataverse", "salesorders")
PLACES = {
    "Dataverse": ORDERS,
    "Finance": ("finance", "ProjectContractHeaders"),
    "the gateway": ("dualwrite", "Entities"),
    "the authority": ("entra", "/token"),
}
BODIES = {
    "a captive portal": (wire.PORTAL, "text/html"),
    "nothing": (b"", "application/json"),
    "null": (b"null", "application/json"),
    "a number": (b"7", "application/json"),
    "a list": (b"[[], null, 7]", "application/json"),
    "rows that are none": (b'{"value":[null, 7]}', "application/json"),
    "a member twice": (b'{"value":[],"value":"x","access_token":1}', "application/json"),
    "10,000 levels": (wire.DEEP, "application/json"),
    "a number without end": (b'{"value":[{"a":1e999999999}],"expires_in":1e999999999}', "application/json"),
    "no UTF-8": (b'{"value":["\xff\xfe"]}', "application/json"),
}
FOR_THE_GATEWAY = ("a captive portal", "10,000 levels", "a number without end", "a list")


# The gateway is asked again for some seconds where it answers with nothing, so once is enough here.
CASES = [(place, name) for place in PLACES for name in BODIES if place != "the gateway" or name in FOR_THE_GATEWAY]


@pytest.mark.parametrize(("place", "name"), CASES)
def test_a_body_that_is_no_answer_is_told_with_its_address(
    stage: Stage, proxy: Proxy, tmp_path: Path, place: str, name: str
) -> None:
    content, kind = BODIES[name]
    rig = taken(stage, proxy, tmp_path, wire.at(*PLACES[place], wire.body(content, kind=kind)))
    # A token that is no token is refused by the service that gets it.
    assert_told(asked(rig, "plan", "cutover"), 10, *([9] if b"access_token" in content else []))


def elsewhere(exchange: Exchange) -> str:
    return "https://evil.invalid/api/data/v9.2/salesorders?$skiptoken=1"


def as_user(exchange: Exchange) -> str:
    return f"https://{exchange.headers.get('Host', 'localhost')}@evil.invalid/api/data/v9.2/salesorders"


SPOILT: dict[str, wire.Spoil] = {
    "cut short, and no one says so": wire.half,
    "a length too great": wire.long_by(50),
    "a length too small": wire.long_by(-5),
    "no HTTP": wire.raw(b"220 mail.example.com ESMTP\r\n"),
    "a status that is none": wire.raw(b"HTTP/1.1 99999 Whatever\r\nContent-Length: 0\r\n\r\n"),
    "200 headers": wire.raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"Content-Length: 2\r\n\r\n{}"),
    "a header of a megabyte": wire.raw(
        b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 1_000_000 + b"\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "chunks that are none": wire.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n{}\r\n"),
    "gzip that is none": wire.encoded(wire.NO_GZIP),
    "gzip within gzip": wire.encoded(wire.TWICE, "gzip, gzip"),
    "a next page elsewhere": wire.next_link(elsewhere),
    "a next page behind a name": wire.next_link(as_user),
    "a next page that is this one": wire.next_link(lambda exchange: f"{{}}{exchange.target}"),
    "a next page that is no text": lambda exchange: exchange.with_body(b'{"value":[],"@odata.nextLink":{"a":1}}'),
    "429 for a thousand years": lambda exchange: exchange.with_body(b"", 429, Retry_After="99999999999999999999"),
    "429 until the end of time": lambda exchange: exchange.with_body(
        b"", 429, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"
    ),
    "429 for no number": lambda exchange: exchange.with_body(b"", 429, Retry_After="\xb2"),
    "500 with a page": wire.body(wire.PORTAL, 500, "text/html"),
    "418 with 10,000 levels": wire.body(b'{"error":' + b"[" * 10_000, 418),
    "400 with other types": wire.body(b'{"error":{"code":{"a":1},"message":[7],"innererror":"x"}}', 400),
    "a code that is no number": wire.body('{"error":{"code":"-²","message":"no"}}'.encode(), 400),
    "a redirect": wire.redirect(302, "https://evil.invalid/"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_an_answer_against_the_rules_is_told_with_its_address(
    stage: Stage, proxy: Proxy, tmp_path: Path, name: str
) -> None:
    rig = taken(stage, proxy, tmp_path, wire.at(*ORDERS, SPOILT[name]))
    assert_told(asked(rig, "plan", "cutover"), 10)


ENDLESS: dict[str, wire.Spoil] = {
    "a body in chunks": wire.chunked,
    "a head letter by letter": wire.trickled,
    "a body letter by letter": wire.trickled_body,
    "100 Continue": wire.continuing,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_answer_without_an_end_is_given_up_at_the_deadline(
    stage: Stage, proxy: Proxy, tmp_path: Path, name: str
) -> None:
    rig = taken(stage, proxy, tmp_path, wire.at(*ORDERS, ENDLESS[name]))
    start = time.monotonic()
    assert_told(asked(rig, "plan", "cutover"), 10)
    assert time.monotonic() - start < 15


def test_an_authority_whose_error_is_no_text_is_told(stage: Stage, proxy: Proxy, tmp_path: Path) -> None:
    spoil = wire.body(b'{"error":{"a":[1]},"error_description":{"b":2},"correlation_id":[3]}', 400)
    rig = taken(stage, proxy, tmp_path, wire.at("entra", "/token", spoil))
    assert_told(asked(rig, "plan", "cutover"), 9, 10)


def test_an_authority_that_never_ends_its_answer_is_given_up_too(stage: Stage, proxy: Proxy, tmp_path: Path) -> None:
    from statecfg.clients import session

    rig = taken(stage, proxy, tmp_path, wire.at("entra", "/token", wire.flood(session.LARGEST_SIGN_IN * 2)))
    assert_told(asked(rig, "plan", "cutover"), 10)


@pytest.mark.parametrize("status", [302, 307, 308])
@pytest.mark.parametrize("place", PLACES)
def test_a_redirect_is_followed_by_nobody_and_takes_no_secret_along(
    stage: Stage, proxy: Proxy, tmp_path: Path, place: str, status: int
) -> None:
    assert_not_followed(stage, proxy, tmp_path, PLACES[place], status)


def assert_not_followed(stage: Stage, proxy: Proxy, place: Path, where: tuple[str, str], status: int) -> None:
    """The redirect leads to a place that is trusted and answers: only that nobody follows keeps the secrets here."""
    trap = f"https://{proxy.address('admin')}/trap"
    rig = taken(stage, proxy, place, wire.at(*where, wire.redirect(status, trap)))
    assert_told(asked(rig, "plan", "cutover"), 10)
    assert [one.target for one in proxy.seen if one.target.startswith("/trap")] == []


def test_headers_that_are_read_may_hold_anything(stage: Stage, proxy: Proxy, tmp_path: Path) -> None:
    def spoil(exchange: Exchange) -> Iterator[bytes]:
        head = b"HTTP/1.1 %d OK\r\nDate: Fri, 31 Dec 9999 23:59:59 -2359\r\nx-ms-dop-hint: \xb2\r\n" % exchange.status
        kept = {name: value for name, value in exchange.headers.items() if name.lower().startswith("odata")}
        more = "".join(f"{name}: {value}\r\n" for name, value in kept.items()).encode()
        length = b"" if exchange.status == 204 else b"Content-Length: %d\r\n" % len(exchange.body)
        yield head + more + JSON + length + b"Connection: close\r\n\r\n" + exchange.body

    rig = taken(stage, proxy, tmp_path, wire.at("dataverse", "", spoil))
    said = asked(rig, "apply", "cutover", "--yes")
    assert "Traceback" not in said.all
    assert "unexpected" not in said.all
    assert said.code in (0, 3, 7, 10), said.all


JSON = wire.JSON


def test_an_event_stream_stays_json_whatever_a_service_sends(stage: Stage, proxy: Proxy, tmp_path: Path) -> None:
    rig = taken(stage, proxy, tmp_path, wire.at(*ORDERS, wire.body(wire.PORTAL, 500)))
    said = asked(rig, "plan", "cutover", "-o", "events")
    assert said.code == 10
    assert [json.loads(line)["event"] for line in said.out.splitlines()][-1] == "run_complete"
