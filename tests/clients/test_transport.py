"""What is sent again and what never is, who waits, and what an error says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from statecfg.clients.session import Session
from statecfg.clients.transport import Request, Transport
from statecfg.model.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    SignInRefused,
    Throttled,
    Unavailable,
)
from statecfg.model.events import Event
from tests.clients.scripted import DROPPED, Clock, FixedBearer, Reply, Script, Seen, Server, in_turn

Serve = Callable[..., Server]
To = Callable[..., Transport]

BUSY = Reply(429, {"error": {"code": "0x80072322", "message": "too many"}}, {"Retry-After": "7"})
FINE = Reply(200, {"value": 1})


def get(server: Server, path: str = "/api/rows?$filter=name eq 'secret'") -> Request:
    return Request("dataverse", "GET", server.url + path)


def post(server: Server, *, repeatable: bool = False, service: str = "dataverse") -> Request:
    return Request(service, "POST", server.url + "/api/rows", body=b"{}", repeatable=repeatable)


# Throttling


def test_retry_after_is_obeyed(serve: Serve, transport_to: To, clock: Clock, events: list[Event]) -> None:
    server = serve(in_turn(BUSY, BUSY, FINE))
    assert transport_to(server).send(get(server)).value == {"value": 1}
    assert clock.slept == [7.0, 7.0]
    assert [(event.name, event.data["status"], event.data["wait_s"]) for event in events] == [("retry", 429, 7.0)] * 2


def test_a_throttled_write_is_sent_again_for_it_was_not_carried_out(serve: Serve, transport_to: To) -> None:
    server = serve(in_turn(BUSY, FINE))
    transport_to(server).send(post(server))
    assert len(server.seen) == 2


def test_all_workers_of_a_service_wait_and_no_other_service_does(serve: Serve, transport_to: To, clock: Clock) -> None:
    server = serve(in_turn(BUSY, FINE))
    transport = transport_to(server)
    transport._hold("dataverse", 50.0)
    transport.send(post(server, service="finance"))
    assert clock.slept == [7.0]
    transport.send(get(server))
    assert clock.slept == [7.0, 43.0]


def test_a_storm_of_429_ends_in_answers_for_every_worker(serve: Serve, tmp_path: Path) -> None:
    lock, refused = threading.Lock(), [0]

    def script(seen: Seen) -> Reply:
        with lock:
            refused[0] += 1
            return Reply(429, b"", {"Retry-After": "0"}) if refused[0] % 3 else FINE

    server = serve(script)
    transport = Transport(Session(ca_file=server.ca_file), FixedBearer(), deadline_s=30)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: transport.send(get(server)).value, range(40)))
    transport.close()
    assert answers == [{"value": 1}] * 40


def test_it_never_gives_up_before_the_deadline_and_does_then(serve: Serve, transport_to: To, clock: Clock) -> None:
    server = serve(in_turn(BUSY))
    with pytest.raises(Throttled) as caught:
        transport_to(server, deadline_s=100).send(get(server))
    assert 93 <= clock.now - 1000.0 <= 100
    assert caught.value.status == 429
    assert caught.value.do


def test_a_wait_beyond_the_deadline_is_said_at_once(serve: Serve, transport_to: To, clock: Clock) -> None:
    server = serve(in_turn(Reply(429, b"", {"Retry-After": "4000"})))
    transport = transport_to(server)
    for _ in range(2):
        with pytest.raises(Throttled):
            transport.send(get(server))
    assert clock.slept == []
    assert len(server.seen) == 1


def test_a_429_without_retry_after_waits_longer_each_time(serve: Serve, transport_to: To, clock: Clock) -> None:
    server = serve(in_turn(*[Reply(429)] * 4, FINE))
    transport_to(server).send(get(server))
    assert clock.slept == sorted(clock.slept)
    assert len(clock.slept) == 4


def test_a_503_that_names_a_time_makes_everybody_wait(serve: Serve, transport_to: To, clock: Clock) -> None:
    server = serve(in_turn(Reply(503, b"", {"Retry-After": "11"}), FINE))
    transport_to(server).send(get(server))
    assert clock.slept == [11.0]


# Lost answers


@pytest.mark.parametrize("fault", [DROPPED, Reply(200, {"value": list(range(99))}, cut=20), Reply(502), Reply(504)])
def test_reads_and_repeatable_writes_are_sent_again(serve: Serve, transport_to: To, fault: Reply) -> None:
    for repeat in (get, lambda server: post(server, repeatable=True)):
        server = serve(in_turn(fault, fault, FINE))
        transport = transport_to(server)
        transport._reached.add("dataverse")
        assert transport.send(repeat(server)).value == {"value": 1}
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    "fault", [DROPPED, Reply(200, {"value": list(range(99))}, cut=20), Reply(500), Reply(502), Reply(503)]
)
def test_an_unsafe_write_is_sent_once_and_said_to_be_in_doubt(serve: Serve, transport_to: To, fault: Reply) -> None:
    server = serve(in_turn(fault, FINE))
    with pytest.raises(Unavailable) as caught:
        transport_to(server).send(post(server))
    assert caught.value.sent
    assert len(server.seen) == 1


def test_a_lost_request_is_named_as_it_was_sent(serve: Serve, transport_to: To) -> None:
    server = serve(in_turn(DROPPED))
    with pytest.raises(Unavailable) as caught:
        transport_to(server).send(post(server))
    assert caught.value.request_id == server.seen[0].headers["x-ms-client-request-id"]


def test_a_body_that_is_not_json_is_no_success(serve: Serve, transport_to: To) -> None:
    server = serve(in_turn(Reply(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})))
    with pytest.raises(Unavailable, match="no json"):
        transport_to(server).send(get(server))
    assert len(server.seen) == 4  # a few times, not until the deadline
    with pytest.raises(Unavailable) as caught:
        transport_to(server).send(post(server))
    assert caught.value.sent
    assert len(server.seen) == 5


def test_a_redirect_is_not_followed(serve: Serve, transport_to: To) -> None:
    server = serve(in_turn(Reply(302, b"", {"Location": "https://elsewhere.invalid/login"})))
    with pytest.raises(Unavailable, match="302"):
        transport_to(server).send(get(server))
    assert len(server.seen) == 1


def test_an_internal_error_is_tried_a_few_times_only(serve: Serve, transport_to: To, clock: Clock) -> None:
    server = serve(in_turn(Reply(500, {"error": {"code": "0x80040216", "message": "unexpected"}})))
    with pytest.raises(Unavailable, match="unexpected"):
        transport_to(server).send(get(server))
    assert len(server.seen) == 4


def test_a_service_that_is_away_for_minutes_is_waited_for(serve: Serve, transport_to: To, clock: Clock) -> None:
    server = serve(lambda seen: FINE)
    transport = transport_to(server)
    transport.send(get(server))
    server.script = lambda seen: FINE if clock.now > 1240.0 else DROPPED
    assert transport.send(get(server)).value == {"value": 1}
    assert clock.now > 1240.0


def test_a_service_that_never_answered_is_given_up_soon(transport_to: To, serve: Serve, clock: Clock) -> None:
    server = serve()
    transport = transport_to(server)
    server.close()
    with pytest.raises(Unavailable, match="refused") as caught:
        transport.send(post(server))
    assert not caught.value.sent
    assert clock.now - 1000.0 < 10


def test_a_delete_whose_answer_was_lost_is_done_when_nothing_is_left(serve: Serve, transport_to: To) -> None:
    server = serve(in_turn(DROPPED, Reply(404, {"error": {"code": "0x80040217", "message": "none"}})))
    request = Request("dataverse", "DELETE", server.url + "/api/rows(1)", repeatable=True)
    assert transport_to(server).send(request).status == 404
    with pytest.raises(NotFound):
        transport_to(server).send(request)


# Tokens


def test_a_refused_token_is_renewed_once(serve: Serve, transport_to: To) -> None:
    server = serve(lambda seen: FINE if seen.headers["Authorization"] == "Bearer new" else Reply(401))
    assert transport_to(server, "Bearer old", "Bearer new").send(post(server)).value == {"value": 1}
    assert len(server.seen) == 2
    with pytest.raises(SignInRefused):
        transport_to(server, "Bearer old", "Bearer older").send(post(server))
    assert len(server.seen) == 4


# TLS and the session


def test_a_ca_bundle_of_the_shell_does_not_override_the_environments_own(
    serve: Serve, transport_to: To, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate at all")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(garbage))
    server = serve(lambda seen: FINE)
    assert transport_to(server).send(get(server)).value == {"value": 1}


def test_an_authority_that_is_not_trusted_ends_it_at_once(serve: Serve, clock: Clock) -> None:
    server = serve(lambda seen: FINE)
    transport = Transport(Session(), FixedBearer(), clock=clock, sleep=clock.sleep)
    with pytest.raises(Unavailable, match="not trusted") as caught:
        transport.send(post(server))
    transport.close()
    assert "ca_file" in caught.value.do
    assert not caught.value.sent
    assert (server.seen, clock.slept) == ([], [])


def test_no_cookie_is_kept_and_no_password_of_netrc_is_sent(
    serve: Serve, transport_to: To, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(lambda seen: Reply(200, {}, {"Set-Cookie": "ARRAffinity=abc; Path=/"}))
    transport = transport_to(server)
    for _ in range(2):
        transport.send(get(server))
    assert all("Cookie" not in seen.headers for seen in server.seen)
    assert {seen.headers["Authorization"] for seen in server.seen} == {"Bearer test"}


def test_loopback_is_never_asked_of_a_proxy(serve: Serve, transport_to: To, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    server = serve(lambda seen: FINE)
    assert transport_to(server).send(get(server)).value == {"value": 1}


# What an error says


def odata_error(code: str, message: str, inner: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message} | ({"innererror": {"message": inner}} if inner else {})}


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(400, odata_error("0x80040265", "a plug-in said no")), Rejected, "a plug-in said no"),
        (Reply(403, odata_error("0x80072560", "not a member")), Forbidden, "not a member"),
        (Reply(404, odata_error("0x80040217", "Does Not Exist")), NotFound, "Does Not Exist"),
        (Reply(412, odata_error("0x80060882", "RowVersion")), Conflict, "RowVersion"),
        (Reply(400, odata_error("-2147220937", "Cannot insert duplicate key")), Conflict, "duplicate key"),
        (Reply(409, {"message": "running", "activityId": "1"}), Conflict, "running"),
        (Reply(413, b"too large"), Rejected, "too large"),
        (Reply(400, {"errorMessage": "bad map"}), Rejected, "bad map"),
        (Reply(400, b""), Rejected, "without a word"),
        (
            Reply(500, odata_error("", "Exception occurred while executing action X on Entity Y: closed")),
            Rejected,
            "closed",
        ),
        (Reply(400, odata_error("", "An error has occurred.", "Project is closed")), Rejected, "Project is closed"),
        (Reply(501, b"no"), Unavailable, "501"),
    ],
)
def test_each_refusal_is_an_error_of_the_tree(
    serve: Serve, transport_to: To, reply: Reply, kind: type[ApiError], words: str
) -> None:
    server = serve(in_turn(Reply(reply.status, reply.body, {"x-ms-service-request-id": "req-1"})))
    with pytest.raises(ApiError, match=words) as caught:
        transport_to(server).send(post(server))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.request_id) == (reply.status, "req-1")
    assert error.where == f"POST {server.url}/api/rows"
    assert len(server.seen) == 1


def test_an_error_names_the_place_without_the_query(serve: Serve, transport_to: To) -> None:
    server = serve(in_turn(Reply(400, odata_error("1", "bad"))))
    with pytest.raises(Rejected) as caught:
        transport_to(server).send(get(server))
    assert "secret" not in str(caught.value)


def test_an_error_text_is_cut_cleaned_and_on_one_line(serve: Serve, transport_to: To) -> None:
    token = "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln"
    text = f"\x1b[31mred\x00\n Bearer {token} SharedAccessKey=abcdef " + "x" * 5000
    server = serve(in_turn(Reply(400, odata_error("1", text))))
    with pytest.raises(Rejected) as caught:
        transport_to(server).send(get(server))
    said = caught.value.what
    assert len(said) < 700
    assert said.isprintable()
    assert token not in said
    assert "abcdef" not in said


def test_a_numbers_digits_arrive(serve: Serve, transport_to: To) -> None:
    server = serve(in_turn(Reply(200, b'{"amount": 922337203685476.99}')))
    assert transport_to(server).send(get(server)).value == {"amount": Decimal("922337203685476.99")}


def test_an_answer_tells_the_services_clock(serve: Serve, transport_to: To) -> None:
    script: Script = in_turn(Reply(204, b""))
    server = serve(script)
    date = transport_to(server).send(post(server)).date
    assert date is not None
    assert date.tzinfo is not None
