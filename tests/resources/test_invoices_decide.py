"""Which contracts get an invoice and which drafts are confirmed, and what is left alone and named."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from statecfg.model.address import Address, Source
from statecfg.model.declared import Desired
from statecfg.model.environment import Auth, Environment, Fence, SignIn
from statecfg.resources.invoices import decide
from statecfg.resources.invoices.live import InvoiceInfo, InvoicesLive
from statecfg.resources.invoices.spec import InvoicesSpec
from statecfg.resources.invoices.steps import Planned, steps
from statecfg.resources.milestones.live import ContractInfo, MilestonesLive, Tally
from tests.resources.milestone_worlds import World, a_row, absent, arrived

ADDRESS = Address("invoices", "for-those-milestones")


def milestones(**tallies: Tally) -> MilestonesLive:
    """A live value with a contract for each tally: `con_1=Tally(...)` is contract CON-1."""
    live = World().live([a_row()])
    numbers = {name.replace("_", "-"): tally for name, tally in tallies.items()}
    contracts = {n: ContractInfo(n.upper(), f"id-{n}", "", "usmf", "USD", "usd", 2, True) for n in numbers}
    return replace(live, tallies=numbers, known=replace(live.known, contracts=contracts))


def draft(content: Any = "ours", contract: str = "CON-1", **changes: Any) -> InvoiceInfo:
    made = InvoiceInfo("i1", "INV-1", contract, "draft", content, lines=2, ours=2, total=Decimal(1))
    return replace(made, **changes)


def invoices(*found: InvoiceInfo, **more: Any) -> InvoicesLive:
    return InvoicesLive({f"{n}": each for n, each in enumerate(found)}, **more)


@pytest.mark.parametrize(
    ("tally", "found", "work"),
    [
        (Tally(rows=2, done=2), invoices(), (("CON-1",), ("CON-1",))),
        (Tally(rows=2, done=1, settled=1), invoices(), (("CON-1",), ("CON-1",))),
        (Tally(rows=2, done=1, posted=1), invoices(), (("CON-1",), ("CON-1",))),
        (Tally(rows=2, done=1, blocked=1), invoices(), ((), ())),
        (Tally(rows=2, done=1, create=1), invoices(), ((), ())),
        (Tally(rows=2, posted=2), invoices(), ((), ())),
        (Tally(rows=2, settled=2), invoices(), ((), ())),
        (Tally(rows=2, drafted=2), invoices(draft()), ((), ("CON-1",))),
        (Tally(rows=2, drafted=2), invoices(draft("mixed")), ((), ())),
        (Tally(rows=2, drafted=1, done=1), invoices(draft("partial")), ((), ())),
        (Tally(rows=2, drafted=2), invoices(draft(in_flight=True)), ((), ())),
        (Tally(rows=2, drafted=2), invoices(draft(), draft(number="INV-2")), ((), ())),
        (Tally(rows=2, done=2), invoices(creating=frozenset({"CON-1"})), ((), ("CON-1",))),
    ],
)
def test_what_is_done_for_a_contract(tally: Tally, found: InvoicesLive, work: tuple[Any, Any]) -> None:
    made = decide.work(milestones(con_1=tally), found)
    assert (made.create, made.confirm) == work


@pytest.mark.parametrize(
    ("tally", "found", "codes"),
    [
        (Tally(rows=2, drafted=2), invoices(draft()), []),
        (Tally(rows=2, drafted=2), invoices(draft("mixed")), ["foreign-on-draft"]),
        (Tally(rows=2, drafted=1, done=1), invoices(draft("partial")), ["partial-draft"]),
        (Tally(rows=2, drafted=1, create=1), invoices(draft("partial")), ["partial-draft"]),
        (Tally(rows=2, drafted=2), invoices(unclear=frozenset({"CON-1"})), ["drafts-unclear"]),
        (Tally(rows=2, posted=2), invoices(draft("mixed")), []),
        (Tally(rows=2, drafted=2), invoices(draft(in_flight=True)), ["invoices-in-flight"]),
    ],
)
def test_what_is_named(tally: Tally, found: InvoicesLive, codes: list[str]) -> None:
    assert [f.code for f in decide.findings(milestones(con_1=tally), found, ADDRESS)] == codes


def environment(**changes: Any) -> Environment:
    made = Environment("e", "sandbox", "https://d", "https://f", "https://w", "t", Auth(SignIn("c")))
    return replace(made, **changes)


def planned(live: MilestonesLive, found: InvoicesLive, where: Environment | None = None) -> Planned:
    desired = Desired(ADDRESS, InvoicesSpec("milestones/m"), Source("cutover.yml"), "cutover")
    return Planned(desired, live, decide.work(live, found), where or environment())


def test_a_canary_goes_all_the_way_before_anything_else_is_created() -> None:
    live = milestones(con_1=Tally(rows=5, done=5), con_2=Tally(rows=2, done=2), con_3=Tally(rows=9, done=9))
    made = list(steps(planned(live, invoices())))
    assert [(step.verb, step.count) for step in made] == [
        ("create-canary", 1), ("check-canary", 1), ("confirm-canary", 1), ("wait-canary", 1),
        ("create", 2), ("confirm", 2), ("wait", 2),
    ]  # fmt: skip
    assert "CON-2" in made[0].summary


def test_confirms_cannot_be_undone_and_each_send_is_fenced() -> None:
    made = list(steps(planned(milestones(con_1=Tally(rows=1, done=1)), invoices())))
    assert {(s.verb, s.moment, s.irreversible) for s in made if s.sends} == {
        ("create-canary", "create", False), ("confirm-canary", "confirm", True),
    }  # fmt: skip
    assert all(step.batching and step.batching.every_s is None for step in made if step.sends)


def test_an_adopted_draft_is_checked_and_confirmed_and_none_is_created() -> None:
    made = list(steps(planned(milestones(con_1=Tally(rows=2, drafted=2)), invoices(draft()))))
    assert [step.verb for step in made] == ["check-canary", "confirm-canary", "wait-canary"]


@pytest.mark.parametrize(
    ("where", "group"),
    [
        (environment(), 8),
        (environment(environment_class="prod"), 1),
        (environment(environment_class="prod", fence=Fence(group=3)), 3),
    ],
)
def test_groups_are_small_and_in_production_a_single_invoice(where: Environment, group: int) -> None:
    live = milestones(con_1=Tally(rows=1, done=1), con_2=Tally(rows=1, done=1))
    batching = [step.batching for step in steps(planned(live, invoices(), where)) if step.verb == "confirm"]
    assert batching[0]
    assert (batching[0].group, batching[0].size) == (group, 1)


def test_a_record_says_what_belongs_on_the_invoice_and_final_milestones_do_not() -> None:
    world = World()
    rows = [a_row(), a_row(3, "Design", amount=Decimal("50.50"), tax=Decimal("9.60")), a_row(4, "Old")]
    world.has(rows[0], arrived())
    world.has(rows[1], absent())
    world.has(rows[2], arrived(3))
    live = world.live(rows)
    (record,) = Planned(
        Desired(ADDRESS, InvoicesSpec("milestones/m"), Source(""), "cutover"),
        live,
        decide.Work(confirm=("CON-1",)),
        environment(),
    ).records(("CON-1",))
    assert (record.key, record.row, record.values["count"]) == ("CON-1", 2, 2)
    assert (record.values["amount"], record.values["tax"]) == (Decimal("150.50"), Decimal("9.60"))
    assert len(record.values["milestones"].split()) == 2
