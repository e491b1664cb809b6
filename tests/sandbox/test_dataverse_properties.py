"""What must hold of Dataverse whatever is asked: pages, batches and upserts, on generated data."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statecfg.sandbox.dataverse import records
from tests.sandbox.dataverse_place import Place

RELAXED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
NAMES = st.one_of(st.none(), st.sampled_from(["a", "A", "b", "Ä", "O'Neil", "z"]))
KEYS = [f"00000000-0000-4000-8000-0000000000c{n}" for n in range(4)]
NUMBERS = ["N-1", "N-2", "N-3"]
ORDERS = ["", "name", "name desc", "numberofemployees desc,name", "createdon", "primarycontactid/fullname desc"]
# What no two runs share: versions, times, the ids of answers.
PASSING = re.compile(r'"(@odata.etag|createdon|modifiedon|versionnumber)":("(?:[^"\\]|\\.)*"|\d+),?')


# --- pages


@dataclass(frozen=True, slots=True)
class Interference:
    """What somebody does between two pages: new rows with these names, and whether the last of theirs goes again."""

    names: tuple[str | None, ...]
    removes: bool


INTERFERENCES = st.lists(
    st.builds(Interference, st.lists(NAMES, max_size=3).map(tuple), st.booleans()), min_size=1, max_size=6
)


@RELAXED
@given(
    rows=st.lists(st.tuples(NAMES, st.integers(0, 3)), min_size=1, max_size=15),
    size=st.integers(1, 6),
    order=st.sampled_from(ORDERS),
    meanwhile=INTERFERENCES,
)
def test_pages_hold_each_row_once_whatever_others_insert_and_delete(
    dataverse: Place, rows: list[tuple[str | None, int]], size: int, order: str, meanwhile: list[Interference]
) -> None:
    dataverse.world.restore("seeded")
    ours = [insert(dataverse, name, number) for name, number in rows]
    theirs: list[str] = []
    met: Counter[str] = Counter()
    address: str | None = "accounts?$select=name" + (f"&$orderby={order}" if order else "")
    for turn in range(1000):
        if address is None:
            break
        page = dataverse.get(address, Prefer=f"odata.maxpagesize={size}")
        assert len(page["value"]) <= size
        met.update(row["accountid"] for row in page["value"])
        address = page.get("@odata.nextLink")
        # They stop some time, or there would always be a next page.
        if turn < len(meanwhile):
            theirs += interfere(dataverse, meanwhile[turn], theirs)
    assert address is None
    assert {key: met[key] for key in ours} == dict.fromkeys(ours, 1)
    assert max(met.values()) == 1


def insert(dataverse: Place, name: str | None, number: int) -> str:
    with dataverse.world.transaction() as tx:
        key: str = records.create(tx, "account", {"name": name, "numberofemployees": number})["accountid"]
    return key


def interfere(dataverse: Place, what: Interference, theirs: list[str]) -> list[str]:
    """Do what somebody does; the ids of their new rows."""
    if what.removes and theirs:
        with dataverse.world.transaction() as tx:
            records.delete(tx, "account", theirs.pop())
    return [insert(dataverse, name, 1) for name in what.names]


def test_pages_hold_each_row_once_while_others_write_at_the_same_time(dataverse: Place) -> None:
    ours = [insert(dataverse, f"row {n:03}", n) for n in range(300)]
    done = threading.Event()

    def others() -> None:
        while not done.is_set():
            key = insert(dataverse, "row 150", 5)
            with dataverse.world.transaction() as tx:
                records.delete(tx, "account", key)
            insert(dataverse, "elsewhere", 6)

    writer = threading.Thread(target=others)
    writer.start()
    try:
        for order in ("name", "name desc", "accountid"):
            assert once(dataverse, order, ours)
    finally:
        done.set()
        writer.join()


def once(dataverse: Place, order: str, ours: Sequence[str]) -> bool:
    """Whether a walk through the pages meets each of these rows exactly once."""
    met: Counter[str] = Counter()
    address = f"accounts?$select=name&$filter=startswith(name,'row')&$orderby={order}"
    while address:
        page = dataverse.get(address, Prefer="odata.maxpagesize=20")
        met.update(row["accountid"] for row in page["value"])
        address = page.get("@odata.nextLink", "")
    return all(met[key] == 1 for key in ours)


# --- batches


@dataclass(frozen=True, slots=True)
class Operation:
    """One request, as it can be sent alone or within a batch."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    condition: str = ""

    def part(self, number: int) -> str:
        """The request as a part of a batch."""
        lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", f"Content-ID: {number}", ""]
        lines += [f"{self.method} {quote(self.path, safe='/()=,$?&')} HTTP/1.1", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", "" if self.body is None else json.dumps(self.body), ""])

    @property
    def headers(self) -> dict[str, str]:
        """Its conditions as headers."""
        name, _, value = self.condition.partition(":")
        return {name: value} if name else {}


BODIES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b", "Ä'ö"]),
        "accountnumber": st.sampled_from([*NUMBERS, "x" * 21]),
        "revenue": st.sampled_from([1, 2.5]),
        "nonsense": st.just(1),
        "parentaccountid@odata.bind": st.sampled_from([f"/accounts({key})" for key in KEYS]),
    },
)
PLACES = st.sampled_from([*(f"accounts({key})" for key in KEYS), *(f"accounts(accountnumber='{n}')" for n in NUMBERS)])
CONDITIONS = st.sampled_from(["", "", "If-Match:*", "If-None-Match:*", 'If-Match:W/"1"', "If-None-Match:null"])
CREATES = st.builds(
    lambda key, body: Operation("POST", "accounts", {"accountid": key, **body}), st.sampled_from(KEYS), BODIES
)
WRITES = st.one_of(
    CREATES,
    st.builds(lambda place, body, when: Operation("PATCH", place, body, when), PLACES, BODIES, CONDITIONS),
    st.builds(lambda place: Operation("DELETE", place), PLACES),
    st.builds(lambda key: Operation("PUT", f"accounts({key})/name", {"value": "put"}), st.sampled_from(KEYS)),
)
READS = st.builds(lambda place: Operation("GET", f"{place}?$select=name,accountnumber,revenue"), PLACES)


@RELAXED
@given(first=st.lists(CREATES, max_size=3), operations=st.lists(WRITES | READS, min_size=1, max_size=8))
def test_a_batch_equals_its_parts(dataverse: Place, first: list[Operation], operations: list[Operation]) -> None:
    begin(dataverse, first)
    alone = [one(dataverse, operation) for operation in operations]
    after_parts = state(dataverse)
    begin(dataverse, first)
    body = "".join(f"--b\r\n{each.part(n)}" for n, each in enumerate(operations)) + "--b--\r\n"
    assert batched(dataverse, body, Prefer="odata.continue-on-error") == alone
    assert state(dataverse) == after_parts


@RELAXED
@given(first=st.lists(CREATES, max_size=3), operations=st.lists(WRITES, min_size=1, max_size=6))
def test_a_change_set_is_all_of_its_parts_or_none(
    dataverse: Place, first: list[Operation], operations: list[Operation]
) -> None:
    begin(dataverse, first)
    before = state(dataverse)
    alone = [one(dataverse, operation) for operation in operations]
    after_parts = state(dataverse)
    begin(dataverse, first)
    inner = "".join(f"--c\r\n{each.part(n)}" for n, each in enumerate(operations)) + "--c--\r\n"
    answers = batched(dataverse, f"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{inner}--b--\r\n")
    refused = [answer for answer in alone if answer[0] >= 400]
    # What came before the first failure was the same alone, so it is the one that is told.
    assert answers == (refused[:1] or alone)
    assert state(dataverse) == (before if refused else after_parts)


@RELAXED
@given(first=st.lists(CREATES, max_size=2), operations=st.lists(WRITES, min_size=1, max_size=6))
def test_a_batch_stops_at_its_first_failure(
    dataverse: Place, first: list[Operation], operations: list[Operation]
) -> None:
    begin(dataverse, first)
    alone: list[tuple[int, str]] = []
    for operation in operations:
        alone.append(one(dataverse, operation))
        if alone[-1][0] >= 400:
            break
    after_parts = state(dataverse)
    begin(dataverse, first)
    body = "".join(f"--b\r\n{each.part(n)}" for n, each in enumerate(operations)) + "--b--\r\n"
    assert batched(dataverse, body) == alone
    assert state(dataverse) == after_parts


def begin(dataverse: Place, first: list[Operation]) -> None:
    """The seeded world with some accounts in it, as far as they can be made; new ids are the same each time."""
    dataverse.world.restore("seeded")
    dataverse.world.random.seed(1)
    for operation in first:
        one(dataverse, operation)


def one(dataverse: Place, operation: Operation) -> tuple[int, str]:
    """Status and body of a request sent alone, without what passes."""
    path = quote(operation.path, safe="/()=,$?&")
    answer = dataverse.session.request(
        operation.method, f"{dataverse.api}/{path}", json=operation.body, headers=operation.headers, timeout=30
    )
    return answer.status_code, lasting(answer.text)


def batched(dataverse: Place, body: str, **headers: str) -> list[tuple[int, str]]:
    """Status and body of every answer within a batch's."""
    named = {"Content-Type": "multipart/mixed; boundary=b", **headers}
    answer = dataverse.session.post(f"{dataverse.api}/$batch", data=body.encode(), headers=named, timeout=30)
    answer.encoding = "utf-8"
    parts = re.split(r"\r\n--[bc]\w+response_|^--batchresponse_", answer.text)
    heads = (re.search(r"HTTP/1\.1 (\d+) .*?\r\n\r\n(.*?)\s*$", part, re.DOTALL) for part in parts)
    return [(int(found[1]), lasting(found[2])) for found in heads if found]


def lasting(text: str) -> str:
    """A body without versions, times and ids of its own."""
    return PASSING.sub("", text.strip())


def state(dataverse: Place) -> list[dict[str, Any]]:
    """Every account without versions and times, in key order."""
    passing = ("versionnumber", "createdon", "modifiedon")
    with dataverse.world.reading() as tx:
        found = sorted(tx.select("account"), key=lambda row: str(row["accountid"]))
    return [{name: value for name, value in row.items() if name not in passing} for row in found]


# --- upserts

VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "Ä'ö", None]),
        "revenue": st.sampled_from([1, 2.5, None]),
        "creditonhold": st.booleans(),
        "accountnumber": st.sampled_from(NUMBERS),
        "parentaccountid@odata.bind": st.sampled_from([f"/accounts({KEYS[0]})", None]),
    },
)


@RELAXED
@given(place=PLACES, body=VALUES, exists=st.booleans(), times=st.integers(2, 3))
def test_an_upsert_is_idempotent(dataverse: Place, place: str, body: dict[str, Any], exists: bool, times: int) -> None:
    begin(dataverse, [Operation("POST", "accounts", {"accountid": KEYS[0], "name": "first"})])
    if exists:
        one(dataverse, Operation("PATCH", place, {"name": "there"}))
    if "accountnumber" in place:
        # A number in the body would win over the one in the address, and the second upsert would look in vain.
        body = {name: value for name, value in body.items() if name != "accountnumber"}
    upsert = Operation("PATCH", place, body)
    status, _ = one(dataverse, upsert)
    after = state(dataverse)
    for _ in range(times - 1):
        assert one(dataverse, upsert)[0] == status
        assert state(dataverse) == after


@RELAXED
@given(
    rows=st.lists(st.tuples(st.sampled_from(NUMBERS), VALUES), min_size=1, max_size=4, unique_by=lambda row: row[0]),
    exists=st.booleans(),
)
def test_a_bulk_upsert_is_idempotent_and_equals_single_ones(
    dataverse: Place, rows: list[tuple[str, dict[str, Any]]], exists: bool
) -> None:
    first = [Operation("POST", "accounts", {"accountid": KEYS[0], "name": "first"})]
    first += [Operation("POST", "accounts", {"accountid": KEYS[1], "accountnumber": NUMBERS[0]})] if exists else []
    plain = [
        (number, {name: value for name, value in body.items() if name != "accountnumber"}) for number, body in rows
    ]
    begin(dataverse, first)
    for number, body in plain:
        assert one(dataverse, Operation("PATCH", f"accounts(accountnumber='{number}')", body))[0] == 204
    singly = anonymous(dataverse)
    begin(dataverse, first)
    targets = [
        {"@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": f"accounts(accountnumber='{number}')", **body}
        for number, body in plain
    ]
    bulk = Operation("POST", "accounts/Microsoft.Dynamics.CRM.UpsertMultiple", {"Targets": targets})
    for _ in range(2):
        assert one(dataverse, bulk) == (204, "")
        assert anonymous(dataverse) == singly


def anonymous(dataverse: Place) -> list[dict[str, Any]]:
    """Every account by its number, without the id that the service gave to it."""
    rows = [{name: value for name, value in row.items() if name != "accountid"} for row in state(dataverse)]
    return sorted(rows, key=lambda row: str(row["accountnumber"]))
