"""Listeners, faults, log and control path, seen by a plain HTTPS client; the service behind them only echoes."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from statecfg.sandbox.certificates import certificates
from statecfg.sandbox.hooks import Abandoned
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.listeners import Listeners, bound_sockets
from statecfg.sandbox.wire import Answer, Request, json_answer
from statecfg.sandbox.world import World


class Echo:
    def __init__(self, name: str) -> None:
        self.name = name
        self.handled = 0

    def answer(self, request: Request) -> Answer:
        self.handled += 1
        if request.path == "/crash":
            raise RuntimeError("a defect")
        return json_answer({"service": self.name, "path": request.path, "base": request.base, "n": self.handled})

    def refusal(self, request: Request, status: int, code: str, message: str) -> Answer:
        return json_answer({"refused": status, "code": code, "message": message}, status)


@dataclass
class Place:
    kernel: Kernel
    echo: Echo
    url: str
    other_url: str
    session: requests.Session

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=10, **more)

    def control(self, method: str, name: str, body: Any = None) -> requests.Response:
        return self.session.request(method, f"{self.url}/__sandbox/{name}", json=body, timeout=10)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    world = World()
    kernel = Kernel(world)
    echo = Echo("one")
    kernel.serve(echo)
    kernel.serve(Echo("two"))
    kept = certificates(tmp_path_factory.mktemp("ca"))
    listeners = Listeners(kernel, bound_sockets(["one", "two"], 0), kept)
    listeners.start()
    session = requests.Session()
    session.trust_env = False
    session.verify = str(kept.ca_file)
    urls = [f"https://localhost:{listeners.ports[name]}" for name in ("one", "two")]
    yield Place(kernel, echo, urls[0], urls[1], session)
    session.close()
    listeners.close()
    world.close()


@pytest.fixture
def place(running: Place) -> Place:
    running.kernel.world.faults.clear()
    running.kernel.log.clear()
    return running


def test_each_service_has_its_own_port_and_answers_with_its_length(place: Place) -> None:
    answer = place.get("/a%2Fb?x=1")
    assert answer.json()["path"] == "/a%2Fb"
    assert answer.json()["base"] == place.url
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert place.session.get(place.other_url + "/", timeout=10).json()["service"] == "two"


def test_ports_follow_one_another_from_a_given_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1] - 3
    sockets = bound_sockets(["a", "b"], port)
    assert [bound.getsockname()[1] for bound in sockets.values()] == [port, port + 1]
    for bound in sockets.values():
        bound.close()


def test_keep_alive_requests_are_answered_at_once(place: Place) -> None:
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        place.get("/")
        taken.append(time.perf_counter() - started)
    # Nagle against delayed acknowledgements would cost 40 ms each; the quickest tells, whatever else the machine does.
    assert min(taken) < 0.03


def test_the_authority_is_kept_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = certificates(tmp_path).ca_file.read_bytes()
    again = certificates(tmp_path)
    assert again.ca_file.read_bytes() == first
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_delay_is_slept_without_holding_up_others(place: Place) -> None:
    place.control("POST", "faults", {"effect": "delay", "seconds": 0.3, "path": "^/slow"})
    started = time.perf_counter()
    place.get("/slow")
    assert time.perf_counter() - started >= 0.3


def test_a_status_fault_hits_the_asked_occurrence_only(place: Place) -> None:
    wanted = {"effect": "status", "status": 429, "retry_after": 7, "path": "/x", "occurrence": 2, "method": "GET"}
    assert place.control("POST", "faults", wanted).json()["times"] == 1
    answers = [place.get("/x") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].headers["Retry-After"] == "7"


def test_a_status_fault_answers_any_body_even_after_the_handling(place: Place) -> None:
    wanted = {"effect": "status", "status": 502, "phase": "after", "answer": "<html>bad gateway</html>"}
    place.control("POST", "faults", wanted)
    before = place.echo.handled
    answer = place.get("/")
    assert (answer.status_code, answer.text) == (502, "<html>bad gateway</html>")
    assert answer.headers["Content-Type"] == "text/html"
    assert place.echo.handled == before + 1


def test_a_dropped_request_is_a_closed_connection_and_was_not_handled(place: Place) -> None:
    place.control("POST", "faults", {"effect": "drop", "occurrence": 1})
    before = place.echo.handled
    with pytest.raises(requests.ConnectionError):
        place.get("/")
    assert place.echo.handled == before
    assert [entry["status"] for entry in place.kernel.log.entries()] == [0]


def test_a_lost_answer_was_handled(place: Place) -> None:
    place.control("POST", "faults", {"effect": "lost", "occurrence": 1})
    before = place.echo.handled
    with pytest.raises(requests.ConnectionError):
        place.get("/")
    assert place.echo.handled == before + 1


@pytest.mark.parametrize(("moment", "handled"), [("before", 0), ("after", 1)])
def test_a_watcher_hears_of_a_request_before_and_after_it_is_handled_and_may_let_go_of_it(
    place: Place, moment: str, handled: int
) -> None:
    heard: list[tuple[str, int]] = []

    def hear(when: str, path: str, status: int = 0) -> None:
        if path == f"/{moment}":
            heard.append((when, status))
            if when == moment:
                raise Abandoned

    place.kernel.world.hooks.on_request(lambda service, method, path: hear("before", path))
    place.kernel.world.hooks.on_handled(lambda service, method, path, status: hear("after", path, status))
    before = place.echo.handled
    with pytest.raises(requests.ConnectionError):
        place.get(f"/{moment}")
    assert place.echo.handled == before + handled
    assert heard == [("before", 0), ("after", 200)][: handled + 1]
    assert [entry["status"] for entry in place.kernel.log.entries()] == [0]
    assert place.kernel.crashes == []


def test_a_truncated_answer_ends_early(place: Place) -> None:
    place.control("POST", "faults", {"effect": "truncate", "occurrence": 1})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        place.get("/")
    assert place.get("/").status_code == 200


def test_a_defect_of_a_service_is_kept_and_answered_in_its_form(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = place.get("/crash")
    assert answer.json()["refused"] == 500
    assert "a defect" in place.kernel.crashes.pop()
    assert "a defect" in capsys.readouterr().err


def test_the_log_tells_what_was_asked_but_no_secret(place: Place) -> None:
    place.get("/q?a=1", headers={"Authorization": "Bearer secret", "X-Other": "seen"})
    entry = place.control("GET", "requests").json()[-1]
    assert (entry["service"], entry["method"], entry["path"], entry["query"]) == ("one", "GET", "/q", "a=1")
    assert entry["headers"]["x-other"] == "seen"
    assert "secret" not in str(entry)


def test_settings_are_shown_and_changed_all_or_none(place: Place) -> None:
    place.kernel.world.settings.declare("echo.volume", 1, "how loud")
    assert place.control("PATCH", "settings", {"echo.volume": 5}).json()["echo.volume"] == 5
    refused = place.control("PATCH", "settings", {"echo.volume": 6, "nobody.knows": 1})
    assert refused.status_code == 404
    assert place.control("GET", "settings").json()["echo.volume"] == 5


def test_a_request_can_be_made_by_a_trusted_hand_when_another_comes_in(place: Place) -> None:
    by_hand = {"service": "two", "method": "GET", "path": "/by-hand"}
    place.control("POST", "edit", {"when": {"path": "/trigger", "phase": "before"}, "request": by_hand})
    place.get("/other")
    place.get("/trigger")
    assert [entry["path"] for entry in place.kernel.log.entries()] == ["/other", "/by-hand", "/trigger"]


@pytest.mark.parametrize("wanted", [[], {"effect": 3}, {"effect": "delay", "path": "("}, {"effect": "x", "phase": "y"}])
def test_a_fault_that_makes_no_sense_is_refused(place: Place, wanted: Any) -> None:
    assert place.control("POST", "faults", wanted).status_code == 400


def test_an_unknown_control_call_is_no_crash(place: Place) -> None:
    assert place.control("GET", "nothing").status_code == 404
