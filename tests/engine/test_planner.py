"""The planner's table (rules 9), as far as maps and their order are concerned, and what the planner promises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.planning import (
    CUTOVER,
    NAMES,
    ORIGINAL,
    Sheet,
    a_map,
    cutover,
    drawn,
    restored,
    words,
)

STARTING = ["stop milestones", "refresh milestones", "save-version milestones", "switch milestones"]
STARTING += ["refresh milestones", "start milestones"]
STOPPED = dict.fromkeys(NAMES, "stopped")
KNOWS = {"versions": (ORIGINAL, CUTOVER)}

CUTOVER_TABLE = {
    "fresh": (
        {}, {}, (5, 2),
        [*STARTING, "write milestones 5", "stop milestones+actuals+invoices", "write invoices 2"],
    ),
    "original running, cutover version already saved": (
        {}, {"milestones": KNOWS}, (5, 2),
        ["stop milestones", "switch milestones", "refresh milestones", "start milestones", "write milestones 5",
         "stop milestones+actuals+invoices", "write invoices 2"],
    ),
    "cutover version running, some milestones left": (
        {}, {"milestones": {"version": CUTOVER}}, (3, 2),
        ["write milestones 3", "stop milestones+actuals+invoices", "write invoices 2"],
    ),
    "cutover version running, all milestones there": (
        {}, {"milestones": {"version": CUTOVER}}, (0, 2),
        ["stop milestones+actuals+invoices", "write invoices 2"],
    ),
    "stopped on the original after a crash before the switch": (
        {"milestones": "stopped"}, {"milestones": KNOWS}, (5, 2),
        ["switch milestones", "refresh milestones", "start milestones", "write milestones 5",
         "stop milestones+actuals+invoices", "write invoices 2"],
    ),
    "all stopped on the cutover version, some invoices left": (
        STOPPED, {"milestones": {"version": CUTOVER}}, (0, 1), ["write invoices 1"],
    ),
    "all stopped on the cutover version, some milestones left": (
        STOPPED, {"milestones": {"version": CUTOVER}}, (4, 0),
        ["start milestones", "write milestones 4", "stop milestones"],
    ),
    "one map still runs": (
        {"milestones": "stopped", "actuals": "stopped"}, {"milestones": {"version": CUTOVER}}, (0, 1),
        ["stop invoices", "write invoices 1"],
    ),
    "everything done": (STOPPED, {"milestones": {"version": CUTOVER}}, (0, 0), []),
    "everything done, the maps not yet stopped": (
        {}, {"milestones": {"version": CUTOVER}}, (0, 0), ["stop milestones+actuals+invoices"],
    ),
}  # fmt: skip


def _maps(states: dict[str, str], facts: dict[str, dict[str, object]]) -> list[object]:
    return [a_map(name, states.get(name, "running"), **facts.get(name, {})) for name in NAMES]


@pytest.mark.parametrize("world", CUTOVER_TABLE)
def test_what_is_left_of_the_cutover_is_planned_in_a_safe_order(world: str) -> None:
    states, facts, (milestones, invoices), expected = CUTOVER_TABLE[world]
    made = drawn(cutover(), _maps(states, facts), Sheet(milestones), Sheet(invoices))
    assert words(made) == expected


RESTORED_TABLE = {
    "cutover version running": (
        {"actuals": "stopped", "invoices": "stopped"}, {"milestones": {"version": CUTOVER}}, (),
        ["stop milestones", "switch milestones", "refresh milestones", "start milestones", "start actuals",
         "start invoices"],
    ),
    "all stopped on the cutover version": (
        STOPPED, {"milestones": {"version": CUTOVER}}, (),
        ["switch milestones", "refresh milestones", "start milestones", "start actuals", "start invoices"],
    ),
    "version back, all stopped": (
        STOPPED, {}, (), ["refresh milestones", "start milestones", "start actuals", "start invoices"],
    ),
    "original running, the other two stopped": (
        {"actuals": "stopped", "invoices": "stopped"}, {}, (), ["start actuals", "start invoices"],
    ),
    "the invoices map was stopped before the window": (
        STOPPED, {"milestones": {"version": CUTOVER}}, ("invoices",),
        ["switch milestones", "refresh milestones", "start milestones", "start actuals"],
    ),
    "all restored": ({}, {}, (), []),
}  # fmt: skip


@pytest.mark.parametrize("world", RESTORED_TABLE)
def test_the_maps_come_back_one_after_the_other(world: str) -> None:
    states, facts, before, expected = RESTORED_TABLE[world]
    made = drawn(restored(), _maps(states, facts), Sheet(0), Sheet(0), stopped_before=before)
    assert words(made) == expected


def test_what_is_in_flight_is_waited_for_before_any_map_moves() -> None:
    maps = [a_map("milestones", "stopped", CUTOVER), a_map("actuals", "stopped"), a_map("invoices", "stopped")]
    made = drawn(cutover(), maps, Sheet(2), Sheet(0, in_flight=True))
    assert words(made) == ["wait invoices", "start milestones", "write milestones 2", "stop milestones"]


def test_a_passed_phase_changes_no_map() -> None:
    made = drawn(cutover(), [a_map(name) for name in NAMES], Sheet(0), Sheet(0), passed="restored")
    assert made.steps == ()
    assert not any(finding.blocks for finding in made.findings)


def test_a_new_record_in_a_passed_phase_blocks() -> None:
    made = drawn(cutover(), [a_map(name) for name in NAMES], Sheet(1), Sheet(0), passed="restored")
    assert made.steps == ()
    assert [finding.code for finding in made.findings if finding.blocks] == ["phase-closed"]


def test_a_paused_map_is_neither_resumed_nor_stopped() -> None:
    maps = [a_map("milestones", "paused"), a_map("actuals"), a_map("invoices")]
    made = drawn(cutover(), maps, Sheet(5), Sheet(2))
    assert "map-paused" in [finding.code for finding in made.findings if finding.blocks]
    assert not any("milestones" in word and not word.startswith("write") for word in words(made))


def test_a_busy_map_is_waited_for() -> None:
    maps = [a_map("milestones"), a_map("actuals", "busy"), a_map("invoices")]
    made = drawn(restored(), maps, Sheet(0), Sheet(0))
    assert words(made)[0] == "wait actuals"


def test_conditions_go_with_every_fenced_step_of_their_records() -> None:
    made = drawn(cutover(), [a_map(name) for name in NAMES], Sheet(5), Sheet(2))
    writes = [step for step in made.steps if step.verb == "write"]
    assert [len(step.conditions) for step in writes] == [1, 3]
    assert [step.number for step in made.steps] == list(range(1, len(made.steps) + 1))


def test_the_original_is_never_the_latest_version() -> None:
    higher = replace(ORIGINAL, number="9.9.9.9", id="id-9")
    maps = [a_map("milestones", "stopped", CUTOVER, versions=(higher, ORIGINAL, CUTOVER))]
    maps += [a_map(name, "stopped") for name in NAMES[1:]]
    made = drawn(restored(), maps, Sheet(0), Sheet(0))
    switch = next(step for step in made.steps if step.verb == "switch")
    assert (switch.detail["publisher"], switch.detail["number"]) == ("Microsoft", "1.0.0.7")


def test_order_does_not_depend_on_how_resources_are_declared() -> None:
    phase = cutover()
    turned = replace(phase, resources=tuple(reversed(phase.resources)))
    maps = [a_map(name) for name in NAMES]
    plain, other = (drawn(p, maps, Sheet(5), Sheet(2)) for p in (phase, turned))
    assert words(plain)[-2:] == ["stop milestones+actuals+invoices", "write invoices 2"]
    assert [word.split()[0] for word in words(other)] == [word.split()[0] for word in words(plain)]
