"""Mappings as text and as values, value maps, filters: what is pure."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statecfg.sandbox.dualwrite.catalog import clr_type_of, map_specs
from statecfg.sandbox.dualwrite.compose import DualWrite
from statecfg.sandbox.dualwrite.filters import NotAFilter, odata_filter, xpp_filter
from statecfg.sandbox.dualwrite.mapping import (
    Direction,
    Line,
    NotAMapping,
    TaskMapping,
    Transform,
    line_from,
    mapping_from,
    task_members,
    text_of,
)
from statecfg.sandbox.dualwrite.seed import seed_maps
from statecfg.sandbox.dualwrite.validation import problems
from statecfg.sandbox.dualwrite.values import (
    DoesNotFit,
    NoCounterpart,
    dataverse_value,
    finance_value,
    mapped_to_dataverse,
    mapped_to_finance,
)
from statecfg.sandbox.finance import catalog as finance
from statecfg.sandbox.tables import Column
from tests.sandbox.project_world import project_world

names = st.text("ABCDEFGabcdefg._", min_size=1, max_size=12)
texts = st.text(max_size=12)
value_maps = st.builds(
    Transform, st.just("ValueMap"), texts, st.dictionaries(texts, texts, max_size=3).map(lambda d: tuple(d.items()))
)
defaults = st.builds(lambda kind, value: Transform("Default", kind, default=value), texts, texts)
transforms = st.lists(value_maps | defaults, max_size=2).map(tuple)
lines = st.builds(Line, st.sampled_from(Direction), names, names, transforms, st.booleans())
mappings = st.builds(TaskMapping, names, names, st.lists(lines, max_size=5).map(tuple), texts, texts)

STATUS = finance.entity_set("ProjectContractLineMilestones").by_name["TransStatus"]
PAIR = (Transform("ValueMap", "x", (("4", "192350001"), ("NoStatus", "192350000"))),)


@given(mappings)
def test_a_mapping_survives_its_text_once_and_twice_encoded(mapping: TaskMapping) -> None:
    assert mapping_from(text_of(mapping)) == mapping
    assert mapping_from(json.dumps(text_of(mapping))) == mapping


def test_the_task_is_named_and_sided_as_documented() -> None:
    spec = next(spec for spec in map_specs(clr_type_of(7)) if spec.name == "milestones")
    task = task_members(spec.versions[0].mapping)
    assert task["name"] == f"[{spec.label}] - [msdyn_contractlinescheduleofvalues]"
    assert task["legs"][0]["sourceEnvironmentType"] == "AX"


def test_a_direction_may_be_a_text() -> None:
    assert line_from({"syncDirection": "2", "sourceField": "A", "destinationField": "b"}).direction == 2


@pytest.mark.parametrize("text", [
    "", "[]", "1", '{"legs":[]}', '{"legs":[{},{}]}', '{"legs":[{"fieldMappings":[{"syncDirection":9}]}]}',
    '{"legs":[{"fieldMappings":[{"syncDirection":2,"sourceField":[]}]}]}',
    '{"legs":[{"fieldMappings":[{"syncDirection":2,"valueTransforms":[{"valueMap":[]}]}]}]}', "[" * 5000,
])  # fmt: skip
def test_a_text_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(NotAMapping):
        mapping_from(text)


def test_no_seeded_version_has_a_transaction_status_and_some_have_value_maps() -> None:
    specs = map_specs(clr_type_of(7))
    seeded = [line for spec in specs for version in spec.versions for line in version.mapping.lines]
    assert not any(line.finance == "TRANSSTATUS" for line in seeded)
    assert {t.clr_type for line in seeded for t in line.transforms} == {clr_type_of(7)}
    assert clr_type_of(7) != clr_type_of(8)
    assert clr_type_of(7).startswith("Microsoft.Dynamics.Integrator")


@pytest.mark.parametrize("direction", ["one_way", "writeback", "two_way"])
def test_every_seeded_version_of_a_map_with_both_sides_could_run(direction: str) -> None:
    world = project_world(**{"maps.milestone_direction": direction, "schema.refreshed": True})
    DualWrite(world)
    with world.transaction() as tx:
        seed_maps(tx, "environment")
        for spec in map_specs(clr_type_of(7), direction):
            assert [version.active for version in spec.versions].count(True) == 1
            described = tx.get("dw.maps", spec.name)
            for version in spec.versions:
                found = problems(tx, described, version.mapping, clr_type_of(7))
                assert not found, (spec.name, version.version, found)
    world.close()


STATUSES = [(192350001, "Invoiced"), (192350000, "NoStatus"), ("192350001", "Invoiced")]


@pytest.mark.parametrize(("value", "expected"), STATUSES)
def test_a_value_goes_through_its_map_by_number_or_by_name(value, expected) -> None:
    assert finance_value(STATUS, mapped_to_finance(PAIR, value)) == expected


@pytest.mark.parametrize(("member", "expected"), [("Invoiced", "192350001"), ("NoStatus", "192350000")])
def test_the_way_back_reads_numbers_and_names_alike(member: str, expected: str) -> None:
    assert mapped_to_dataverse(PAIR, STATUS, member) == expected


def test_a_value_without_a_pair_has_no_counterpart() -> None:
    with pytest.raises(NoCounterpart):
        mapped_to_finance(PAIR, 192350002)
    with pytest.raises(NoCounterpart):
        mapped_to_dataverse(PAIR, STATUS, "Posted")


def test_a_default_stands_in_for_an_empty_value_only() -> None:
    default = (Transform("Default", "x", default="7"),)
    assert [mapped_to_finance(default, value) for value in (None, "", 5)] == ["7", "7", 5]


AMOUNT = Column("Amount", "money", default=Decimal(0))


@given(st.decimals("-922337203685477", "922337203685477", places=4))
def test_an_amount_is_never_touched(amount: Decimal) -> None:
    assert finance_value(AMOUNT, amount) == amount
    assert dataverse_value(AMOUNT, amount) == amount


CONVERSIONS = [
    (Column("d", "datetime", default="1900-01-01T12:00:00Z"), "2024-02-29", "2024-02-29T12:00:00Z"),
    (Column("d", "datetime", default="1900-01-01T12:00:00Z"), "2024-02-29T00:00:00Z", "2024-02-29T12:00:00Z"),
    (Column("d", "datetime", default="1900-01-01T12:00:00Z"), None, "1900-01-01T12:00:00Z"),
    (Column("s", "string", default=""), Decimal("10.500"), "10.5"),
    (Column("s", "string", default=""), True, "true"),
    (Column("e", "enum", enum="NoYes", default="No"), True, "Yes"),
    (Column("e", "enum", enum="NoYes", default="No"), False, "No"),
    (Column("i", "bigint", default=0), 192350003, 192350003),
]


@pytest.mark.parametrize(("column", "value", "expected"), CONVERSIONS)
def test_a_value_takes_the_form_that_finance_keeps(column: Column, value, expected) -> None:
    assert finance_value(column, value) == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [(STATUS, "Nonsense"), (AMOUNT, "ten"), (AMOUNT, "NaN"), (Column("g", "guid"), "x"), (Column("d", "date"), "soon")],
)
def test_a_value_that_does_not_fit_is_refused(column: Column, value: str) -> None:
    with pytest.raises(DoesNotFit):
        finance_value(column, value)


ROW = {
    "status": 192350002, "flag": True, "name": "O'Hara", "amount": Decimal("10.50"), "day": "2024-03-01", "none": None
}  # fmt: skip
FILTERS = [
    ("status eq 192350002", True),
    ("status ne 192350002", False),
    ("(status eq 1 or status eq 192350002) and flag eq true", True),
    ("not (flag eq true)", False),
    ("name eq 'O''Hara'", True),
    ("contains(name,'har')", True),
    ("startswith(name,'x')", False),
    ("amount gt 10 and amount le 10.5", True),
    ("day lt 2024-03-02", True),
    ("none eq null", True),
    ("none ne null", False),
    ("none gt 3", False),
    ("flag ne true", False),
    ("", True),
]


@pytest.mark.parametrize(("text", "expected"), FILTERS)
def test_a_dataverse_filter_decides(text: str, expected: bool) -> None:
    assert odata_filter(text)(ROW.get) is expected


RANGES = [('(name == "O\'Hara")', True), ("amount > 3 && flag == true", True), ("!(status == 1)", True)]


@pytest.mark.parametrize(("text", "expected"), RANGES)
def test_a_finance_filter_decides(text: str, expected: bool) -> None:
    assert xpp_filter(text)(ROW.get) is expected


@given(st.text(alphabet="abc ()'=<>!&|eqandornot12,.", max_size=40))
def test_a_filter_parses_or_is_refused(text: str) -> None:
    for parse in (odata_filter, xpp_filter):
        with suppress(NotAFilter):
            parse(text)(ROW.get)


NONSENSE = ["a eq", "eq 3", "a eq 3 and", "(a eq 3", "a above 3", "a eq 3 b", "'x' eq 3", "(" * 60]


@pytest.mark.parametrize("text", NONSENSE)
def test_a_filter_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(NotAFilter):
        odata_filter(text)
