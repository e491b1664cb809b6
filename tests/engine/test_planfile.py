from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statecfg.engine import planfile
from statecfg.model.address import Address, Source
from statecfg.model.declared import Condition
from statecfg.model.errors import PlanRefused
from statecfg.model.plan import (
    Batching,
    FieldChange,
    Finding,
    Header,
    Identity,
    Plan,
    Step,
    Summary,
    Unchanged,
    WorldLine,
)
from statecfg.model.records import LazyRecords, Record

MILESTONES = Address("milestones", "m")
MAP = Address("map", "milestones")
HEADER = Header(
    "statecfg", "0.1.0", Identity("uat", "org", "fo", "cid", "dv"), "test", "cutover", "1 of 2", "cutover.yml",
    "2026-01-01T00:00:00Z", "2026-01-01T04:00:00Z", {"states/cutover.yml": "abc"}, {},
)  # fmt: skip
_MONEY = st.decimals(min_value=-922337203685477, max_value=922337203685477, places=4)
_VALUE = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=20), _MONEY)
_RECORD = st.builds(
    Record,
    key=st.text(max_size=20),
    id=st.uuids().map(str),
    before=st.just(""),
    values=st.dictionaries(st.text(min_size=1, max_size=8), _VALUE, max_size=4),
    row=st.integers(0, 10**7),
)


def a_plan(records: list[Record]) -> Plan:
    where = Source("cutover.yml", 3, 5)
    condition = Condition(MAP, {"running": "running", "version": "cutover"}, where)
    write = Step(
        MILESTONES, "create", "create", 1, (MILESTONES,), "+", {"a": [1, {"b": "c"}]}, "batch", (condition,),
        batching=Batching(), count=len(records), records=LazyRecords(lambda: iter(records)),
    )  # fmt: skip
    last = Step(MILESTONES, "wait", "wait", 2, sends=False, count=7)
    finding = Finding(
        "warn", "code", "what", "do", "title", where, MILESTONES, ("a", "b"), "e", (FieldChange("x", 1, 2),)
    )
    return Plan(
        HEADER, (finding,), (write, last), (WorldLine(MAP, "version", 1, "d", "1.0"),), (Unchanged(MAP, 1, "as is"),),
        (Summary(MILESTONES, (("sum", "1.00 USD"),)),), (finding,), {"records": 4}, "",
    )  # fmt: skip


@given(st.lists(_RECORD, max_size=5))
def test_a_plan_comes_back_from_its_file_as_it_was_written(records: list[Record]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.plan"
        written, sha256 = planfile.write(a_plan(records), path)
        read, again = planfile.read(path)
        assert (again, list(written.steps[0].records)) == (sha256, records)
        assert list(read.steps[0].records) == records
        assert read.steps[0].detail == {"a": [1, {"b": "c"}]}
        assert (read.header, read.world, read.findings) == (HEADER, written.world, written.findings)
        assert read.steps[0].conditions == written.steps[0].conditions
        assert [step.count for step in read.steps] == [len(records), 7]


def test_money_is_written_as_decimal_text(tmp_path: Path) -> None:
    record = Record("k", "i", values={"msdyn_amount": Decimal("922337203685476.99"), "msdyn_name": "1000.10"})
    planfile.write(a_plan([record]), tmp_path / "a.plan")
    text = (tmp_path / "a.plan").read_text(encoding="utf-8")
    assert '"msdyn_amount":"922337203685476.99"' in text
    values = next(iter(planfile.read(tmp_path / "a.plan")[0].steps[0].records)).values
    assert values == {"msdyn_amount": Decimal("922337203685476.99"), "msdyn_name": "1000.10"}
    assert isinstance(values["msdyn_name"], str)


@pytest.mark.parametrize("spoil", [
    lambda lines: lines[:-1],
    lambda lines: [*lines[:2], *lines[3:]],
    lambda lines: [lines[0].replace(b"cutover", b"restored"), *lines[1:]],
    lambda lines: [b"{}\n"],
    lambda lines: [b"\xff\xfe\n"],
    lambda lines: [],
])  # fmt: skip
def test_a_plan_that_was_changed_or_cut_is_refused(tmp_path: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a.plan"
    planfile.write(a_plan([Record("k", "i")]), path)
    path.write_bytes(b"".join(spoil(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(PlanRefused):
        planfile.read(path)


def test_what_moved_is_named_with_what_it_was() -> None:
    before = (WorldLine(MAP, "running state", 1, "a", "running"), WorldLine(MILESTONES, "CON-1", 3, "x"))
    now = (WorldLine(MAP, "running state", 1, "b", "stopped"), WorldLine(MILESTONES, "CON-1", 3, "y"))
    assert planfile.moved(before, now) == (
        "map/milestones running state: running -> stopped",
        "milestones/m CON-1: 3 records, but not the same as before",
    )
    assert planfile.moved(before, before) == ()


def test_what_moved_is_named_by_field_and_only_what_moved() -> None:
    was = WorldLine(MILESTONES, "CON-1", 3, "x", "milestones: 3 of 3; status: 3 ready; amount: 9.00 USD; dates: #01ab")
    now = WorldLine(MILESTONES, "CON-1", 3, "y", "milestones: 3 of 3; status: 3 ready; amount: 8.00 USD; dates: #77ff")
    assert planfile.moved((was,), (now,)) == ("milestones/m CON-1: amount: 9.00 USD -> 8.00 USD; dates moved",)
    gone = WorldLine(MILESTONES, "CON-1", 0, "z", "no such contract")
    (words,) = planfile.moved((was,), (gone,))
    assert words.endswith("-> no such contract")
    (exchanged,) = planfile.moved((was,), (WorldLine(MILESTONES, "CON-1", 3, "y", was.value),))
    assert exchanged.endswith("but not the same as before")


def step_of(verb: str, *records: Record) -> Step:
    return Step(MILESTONES, verb, verb, 1, mark="+" if verb == "create" else "~", batching=Batching(), records=records)


def test_records_of_a_plan_that_would_be_sent_otherwise_now_are_named() -> None:
    same, kept = Record("a", "1", values={"x": Decimal("1.0")}), Record("b", "2", values={"x": Decimal("1.0")})
    other, gone = Record("b", "2", "v2", {"x": Decimal("2.0")}), Record("c", "3")
    before = (step_of("create", same, kept, gone), step_of("resend", Record("d", "4", "v1")))
    now = (step_of("create-canary", same), step_of("create", other), step_of("set-ready", Record("d", "4", "v1")))
    assert planfile.records_moved(before, now) == (
        "milestones/m b: was to be sent (create), and is another by now: x",
        "milestones/m c: was to be sent (create), and isn't to be any more: it exists by now",
        "milestones/m d: was to be sent (resend), and is to be sent as set-ready now: its status is another",
    )
    assert planfile.records_moved(before, before) == ()
