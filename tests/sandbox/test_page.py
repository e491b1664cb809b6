"""The page for people: what it shows, that data stay text, and that it is nobody else's business."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from statecfg.sandbox.seeding.addresses import SERVICES
from statecfg.sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), contracts=2, milestones=12) as started:
        started.kernel.control.call("snapshot", "POST", {"name": "fresh"})
        yield started


@pytest.fixture(autouse=True)
def fresh(sandbox: Sandbox) -> None:
    sandbox.kernel.control.call("restore", "POST", {"name": "fresh"})
    sandbox.kernel.control.call("faults", "DELETE")
    sandbox.kernel.log.clear()


class Cells(HTMLParser):
    """The texts of table cells, row by row, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._in_cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data.strip()}".strip()

    def row(self, first: str) -> list[str]:
        (found,) = [row for row in self.rows if row[:1] == [first]]
        return found[1:]


def fetched(sandbox: Sandbox, service: str = "dataverse", path: str = "/") -> requests.Response:
    return requests.get(sandbox.url(service) + path, verify=sandbox.details["ca_file"], timeout=20)


def cells(sandbox: Sandbox) -> Cells:
    answer = fetched(sandbox)
    assert answer.status_code == 200
    return Cells(answer.text)


@pytest.mark.parametrize("service", SERVICES)
def test_every_listener_serves_the_page_at_its_root(sandbox: Sandbox, service: str) -> None:
    answer = fetched(sandbox, service)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for each in SERVICES:
        assert sandbox.url(each) in answer.text


def test_the_page_tells_what_the_control_path_tells(sandbox: Sandbox) -> None:
    found, status = cells(sandbox), sandbox.kernel.control.call("status", "GET")
    for name, counted in status["counts"].items():
        wanted = {f"{n:,} {what}" for what, n in counted.items()} if isinstance(counted, dict) else {f"{counted:,}"}
        (said,) = found.row(name)
        assert all(words in said for words in wanted), name
    for entity, books in sandbox.kernel.control.call("ledger", "GET").items():
        shown = found.row(f"{entity} {books['gl']['currency']}")
        assert shown[:2] == [f"{books['ar']['count']:,}", f"{books['ar']['amount']:,.2f}"]
        assert shown[3:5] == [f"{books['gl']['count']:,}", f"{books['gl']['debit']:,.2f}"]


def test_each_witness_of_a_map_is_shown_with_its_own_state_and_version(sandbox: Sandbox) -> None:
    lie = {"map": "milestones", "says": "stopped"}
    sandbox.kernel.control.call("witness", "POST", {**lie, "witness": "gateway"})
    sandbox.kernel.control.call("witness", "POST", {"witness": "dataverse", "map": "milestones", "version": "1.0.0.6"})
    runs, gateway, dataverse, finance, _ = cells(sandbox).row("milestones")
    assert runs == "Microsoft 1.0.0.7"
    assert gateway.startswith("stopped made to lie Microsoft 1.0.0.7")
    assert dataverse.startswith("running made to lie Microsoft 1.0.0.6")
    assert finance == "no row"
    sandbox.kernel.control.call("witness", "POST", {"witness": "gateway", "map": "milestones", "says": "truth"})
    assert cells(sandbox).row("milestones")[1].startswith("running Microsoft 1.0.0.7")


def test_queued_changes_and_a_cutover_version_stand_out(sandbox: Sandbox) -> None:
    pair = {"transformType": "ValueMap", "valueMap": {"4": "192350001"}}
    line = {"sourceField": "TRANSSTATUS", "destinationField": "msdyn_invoicestatus", "syncDirection": 2}
    version = {"map": "milestones", "version": "1.0.0.8", "mappings": [{**line, "valueTransforms": [pair]}]}
    sandbox.kernel.control.call("witness", "POST", {"witness": "dataverse", "map": "milestones", "says": "running"})
    sandbox.kernel.control.call("save-as", "POST", version)
    lie = {"witness": "dataverse", "map": "milestones", "version": "1.0.0.8"}
    sandbox.kernel.control.call("witness", "POST", lie)
    sandbox.kernel.control.call("alert-pause", "POST", {"map": "invoices"})
    assert "carries TRANSSTATUS" in cells(sandbox).row("milestones")[2]
    assert cells(sandbox).row("invoices")[1].startswith("paused")


def test_the_last_requests_are_shown_newest_first_and_the_page_itself_is_none(sandbox: Sandbox) -> None:
    for name in ("WhoAmI", "accounts"):
        fetched(sandbox, path=f"/api/data/v9.2/{name}")
    found = cells(sandbox)
    shown = [row for row in found.rows if row[-1].startswith("401")]
    assert [row[4] for row in shown] == ["/api/data/v9.2/accounts", "/api/data/v9.2/WhoAmI"]
    assert len(sandbox.kernel.log.entries()) == 2


def test_addresses_are_shown_as_people_write_them(sandbox: Sandbox) -> None:
    fetched(sandbox, path="/api/data/v9.2/accounts?$filter=name%20eq%20'a%26b'")
    (row,) = [row for row in cells(sandbox).rows if row[-1].startswith("401")]
    assert row[4] == "/api/data/v9.2/accounts?$filter=name eq 'a&b'"


def test_a_fault_does_not_hit_the_page(sandbox: Sandbox) -> None:
    sandbox.kernel.control.call("faults", "POST", {"effect": "drop"})
    assert "fault " in fetched(sandbox).text
    assert sandbox.world.faults.shown()[0]["seen"] == 0


def test_data_are_text_wherever_they_come_from(sandbox: Sandbox) -> None:
    sandbox.kernel.control.call("settings", "PATCH", {"finance.people": EVIL})
    with sandbox.world.transaction() as tx:
        tx.insert("fo.Companies", {"DataArea": "<b>", "Name": EVIL})
        tx.insert("fo.Ledgers", {"LegalEntityId": "<b>", "AccountingCurrency": "<i>"})
    as_it_comes(sandbox, f'/data/{EVIL.replace(" ", "")}?$filter={EVIL}&x="onload=1')
    html = fetched(sandbox).text
    assert html.count("<script>") == 1, "its own"
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in html
    tags = [tag for tag, _ in Cells(html).tags]
    assert tags.count("script") == 1
    assert "i" not in tags
    assert "&lt;b&gt;" in html


def as_it_comes(sandbox: Sandbox, target: str) -> None:
    """A request whose target no client library would send unescaped."""
    address = urlsplit(sandbox.url("finance"))
    context = ssl.create_default_context(cafile=sandbox.details["ca_file"])
    plain = socket.create_connection(("127.0.0.1", address.port or 0), timeout=20)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        head = f"GET {target} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 4")


def test_nothing_is_loaded_from_elsewhere(sandbox: Sandbox) -> None:
    answer = fetched(sandbox)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    loading = [(tag, attrs) for tag, attrs in Cells(answer.text).tags if {"src", "srcset", "action"} & set(attrs)]
    assert loading == []
    targets = [attrs["href"] or "" for tag, attrs in Cells(answer.text).tags if "href" in attrs and tag != "a"]
    assert targets == ["data:,"]
    assert "url(" not in answer.text
    assert "@import" not in answer.text


def test_its_links_to_the_sandbox_lead_somewhere(sandbox: Sandbox) -> None:
    targets = [attrs["href"] or "" for tag, attrs in cells(sandbox).tags if tag == "a"]
    own = [target for target in targets if not target.startswith("https://learn.microsoft.com/")]
    assert "/__sandbox/docs/sandbox.md" in own
    for target in own:
        assert fetched(sandbox, path=target).status_code == 200, target
    page = fetched(sandbox, path="/__sandbox/docs/sandbox.md")
    assert page.text == (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_no_file_but_the_documentation_is_served(sandbox: Sandbox) -> None:
    for path in ("/__sandbox/docs/../setup.cfg", "/__sandbox/docs/%2e%2e/setup.cfg", "/__sandbox/docs/nothing.md"):
        assert fetched(sandbox, path=path).status_code == 404
