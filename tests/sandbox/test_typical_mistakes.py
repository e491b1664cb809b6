"""Every typical mistake by its number: what it leaves behind after Finance imported and posted everything.

One table. Each case is the right procedure with the one thing changed that its name says, and names its damage as it
differs from the right one. Source: reference/project-operations.md, 7.2 (M1 to M14).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import control as finance_control
from statecfg.sandbox.hooks import PropagationFailed
from statecfg.sandbox.projops import codes, jobs
from statecfg.sandbox.projops import control as projops_control
from statecfg.sandbox.projops.confirming import confirm_invoice, correct_invoice, mark_paid
from statecfg.sandbox.projops.creating import create_invoice
from statecfg.sandbox.world import Refused
from tests.sandbox.dualwrite_world import (
    ACTUALS,
    FINANCE_MILESTONES,
    INVOICES,
    MILESTONES,
    PAUSE,
    RESUME,
    SKIP,
    START,
    SYNC,
    Link,
    running_link,
)
from tests.sandbox.project_world import CONTRACT, LINE_1, MILESTONE, hours, identity, milestone

THREE = (MILESTONES, ACTUALS, INVOICES)
AMOUNT = Decimal("100.10")
DIMENSIONS = "001-023-"
SAID = {codes.NOT_READY: "not ready", codes.READY: "ready", codes.ON_INVOICE: "created", codes.POSTED: "posted"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with running_link(tmp_path_factory.mktemp("ca")) as link:
        finance_control.register(link.kernel.control, link.world)
        projops_control.register(link.kernel.control, link.world)
        set_dimensions(link, DIMENSIONS)
        link.world.snapshot("fresh")
        yield link


@pytest.fixture
def link(running: Link) -> Link:
    running.world.restore("fresh")
    running.world.faults.clear()
    return running


# The procedure, step by step


def prepare(link: Link) -> str:
    """P2: the cutover version runs; the version before."""
    original = str(link.map()["template"]["id"])
    link.run_cutover_version()
    return original


def invoice(link: Link) -> str:
    """Create and confirm; the invoice."""
    with link.world.transaction() as tx:
        made = str(create_invoice(tx, CONTRACT)["invoiceid"])
    with link.world.transaction() as tx:
        confirm_invoice(tx, made)
    return made


def bring_back(link: Link, original: str, *maps: str) -> None:
    assert link.switch(original).status_code == 200
    link.refresh()
    link.start(*maps)


def finish(link: Link, original: str) -> str:
    """P3.2 to P3.4; the migrated invoice."""
    link.stop(*THREE)
    made = invoice(link)
    bring_back(link, original, *THREE)
    return made


def cut_over(link: Link) -> str:
    original = prepare(link)
    link.create(milestone())
    return finish(link, original)


# What is looked at afterwards


def import_and_post(link: Link) -> None:
    assert link.control("POST", "import").status_code == 200
    assert link.control("POST", "post").status_code == 200


def world_after(link: Link) -> dict[str, Any]:
    """What people find once Finance has imported and posted everything."""
    import_and_post(link)
    booked = link.rows("fo.GeneralJournalAccountEntryBiEntities")
    return {
        "asked of customers": [row["AmountCur"] for row in link.rows("fo.CustTransactions")],
        "booked": {row["PostingType"] for row in booked},
        "in Finance": {row["Description"]: row["TransStatus"] for row in link.rows(FINANCE_MILESTONES)},
        "in Dataverse": {row["msdyn_name"]: SAID[row["msdyn_invoicestatus"]] for row in link.rows(MILESTONE)},
        "staged": len(link.rows("fo.ProjActualsImports", TransactionType="BilledSales")),
        "proposals": len(link.rows("fo.private.proposals")),
        "value": sum((row["Amount"] for row in link.rows(FINANCE_MILESTONES)), Decimal(0)),
        "dates": {row["TransactionDate"][:10] for row in link.rows(FINANCE_MILESTONES)},
        "invoices": sorted(row["totalamount"] for row in link.rows("invoice")),
        "dimensions": {row["DimensionDisplayValue"] for row in link.rows("fo.ProjectsV2")},
    }


RIGHT: Mapping[str, Any] = {
    "asked of customers": [],
    "booked": set(),
    "in Finance": {"Kick-off": "Invoiced"},
    "in Dataverse": {"Kick-off": "posted"},
    "staged": 0,
    "proposals": 0,
    "value": AMOUNT,
    "dates": {"2024-03-01"},
    "invoices": [AMOUNT],
    "dimensions": {DIMENSIONS},
}
BILLED_AGAIN = {
    "asked of customers": [AMOUNT], "booked": {"CustBalance", "ProjOnAccount"}, "staged": 1, "proposals": 1,
}  # fmt: skip


def test_in_the_right_order_there_is_no_damage(link: Link) -> None:
    cut_over(link)
    assert world_after(link) == RIGHT


# The mistakes


def open_milestone_as_ready(link: Link) -> None:
    original = prepare(link)
    link.create(milestone(), milestone("Never invoiced", "50"))
    finish(link, original)


def open_milestone_made_ready_by_somebody(link: Link) -> None:
    (other,) = link.create(milestone("Never invoiced", "50", status=codes.NOT_READY))
    original = prepare(link)
    link.create(milestone())
    link.change(other, msdyn_invoicestatus=codes.READY)
    link.stop(*THREE)
    with link.world.transaction() as tx:
        # Somebody takes it off the draft again: it is open here, and stays invoiced there.
        made = create_invoice(tx, CONTRACT)["invoiceid"]
        (detail,) = [
            row for row in tx.find("msdyn_invoicelinetransaction", msdyn_invoice=made) if row["msdyn_amount"] == 50
        ]
    with link.world.transaction() as tx:
        records.delete(tx, "msdyn_invoicelinetransaction", detail["msdyn_invoicelinetransactionid"])
    with link.world.transaction() as tx:
        confirm_invoice(tx, made)
    bring_back(link, original, *THREE)


def dimensions_come_later(link: Link) -> None:
    set_dimensions(link, "")
    cut_over(link)
    set_dimensions(link, DIMENSIONS)


def set_dimensions(link: Link, value: str) -> None:
    change = {"DefaultLedgerDimensionDisplayValue": value}
    with link.world.transaction() as tx:
        for row in tx.find("fo.ProjectContractLines", ContractLineId=LINE_1):
            tx.update(
                "fo.ProjectContractLines",
                (row["dataAreaId"], row["ProjectContractId"], row["LineSequenceNumber"]),
                change,
            )


def loaded_before_the_cutover_version(link: Link) -> None:
    link.create(milestone())
    finish(link, prepare(link))


def loaded_without_generated_mapping(link: Link) -> None:
    """The cutover version doesn't start, so somebody starts the original again and loads."""
    link.control("POST", "forget-mapping", {})
    original = str(link.map()["template"]["id"])
    link.stop()
    link.refresh()
    link.save_as()
    (entry,) = link.wait(link.ask(START, parameters=SKIP))
    assert "TRANSSTATUS" in entry["errorMessage"]
    bring_back(link, original, MILESTONES)
    link.create(milestone())
    finish(link, original)


def loaded_while_stopped(link: Link) -> None:
    original = prepare(link)
    link.stop()
    link.create(milestone())
    link.start()
    finish(link, original)


def left_running(*maps: str) -> Callable[[Link], None]:
    def act(link: Link) -> None:
        original = prepare(link)
        link.create(milestone())
        link.stop(*(name for name in THREE if name not in maps))
        invoice(link)
        link.stop(*maps)
        bring_back(link, original, *THREE)

    return act


def milestones_left_running(link: Link) -> None:
    """With one pair the first status that isn't in it stops the invoice: nothing is created, nothing moves."""
    original = prepare(link)
    link.create(milestone())
    link.stop(ACTUALS, INVOICES)
    with pytest.raises(PropagationFailed, match="TRANSSTATUS"):
        invoice(link)
    link.stop()
    bring_back(link, original, *THREE)


def paused_instead_of_stopped(link: Link) -> None:
    original = prepare(link)
    link.create(milestone())
    link.stop()
    link.do(PAUSE, ACTUALS, INVOICES)
    invoice(link)
    bring_back(link, original, MILESTONES)
    link.do(RESUME, ACTUALS, INVOICES)


def restarted_with_initial_sync(link: Link) -> None:
    original = prepare(link)
    link.create(milestone())
    link.stop(*THREE)
    invoice(link)
    bring_back(link, original, MILESTONES)
    link.do(START, ACTUALS, INVOICES, parameters=SYNC)


def left_on_the_cutover_version(link: Link) -> None:
    prepare(link)
    link.create(milestone())
    link.stop(*THREE)
    invoice(link)
    link.start(*THREE)
    link.create(milestone("After go-live", "70"))


def restarted_on_the_latest_version(link: Link) -> None:
    prepare(link)
    link.create(milestone())
    link.stop(*THREE)
    invoice(link)
    bring_back(link, link.version("9.9.9.9", "Default publisher"), *THREE)
    link.create(milestone("After go-live", "70", msdyn_invoicedate="2024-02-29T00:00:00Z"))


def other_hours_swept_in(link: Link) -> None:
    link.create(hours("80"), table="msdyn_actual")
    cut_over(link)


def sync_actuals(link: Link) -> None:
    """Pressed a few hours later; rows in staging wait for any header of that invoice, and Paid sends one."""
    made = cut_over(link)
    link.settings(clock__offset_s=7200)
    assert len(link.control("POST", "sync-actuals").json()["sent"]) == 1
    with link.world.transaction() as tx:
        mark_paid(tx, made)


def sync_actuals_alone(link: Link) -> None:
    cut_over(link)
    link.settings(clock__offset_s=7200)
    link.control("POST", "sync-actuals")


def revised_later(link: Link) -> None:
    made = cut_over(link)
    with link.world.transaction() as tx:
        credit = correct_invoice(tx, made)
        confirm_invoice(tx, credit["invoiceid"])


def confirmed_in_the_background(link: Link) -> None:
    link.settings(projops__job_delay_s=3600)
    original = prepare(link)
    link.create(milestone())
    link.stop(*THREE)
    with link.world.transaction() as tx:
        made = create_invoice(tx, CONTRACT)
        jobs.schedule(tx, jobs.CONFIRM, made["invoiceid"])
    bring_back(link, original, *THREE)
    link.settings(clock__offset_s=7200)
    jobs.run_due(link.world)


def loaded_twice(link: Link) -> None:
    original = prepare(link)
    for run in ("first", "second"):
        link.create(milestone(msdyn_contractlinescheduleofvalueid=identity(run)))
    finish(link, original)


def in_another_currency(link: Link) -> None:
    original = prepare(link)
    link.create(milestone())
    with pytest.raises(Refused, match="currency"):
        link.create(milestone("In euros", transactioncurrencyid=identity("EUR")))
    finish(link, original)


def with_more_digits_than_the_currency(link: Link) -> None:
    original = prepare(link)
    link.create(milestone(amount="100.1049"))
    finish(link, original)


def dated_in_another_time_zone(link: Link) -> None:
    """Midnight of March 1st in Berlin, on a version that carries the date that depends on the time zone."""
    link.stop()
    assert link.switch(link.version("1.0.0.6")).status_code == 200
    link.refresh()
    link.start()
    original = prepare(link)
    link.create(milestone(msdyn_invoicedate="2024-02-29T23:00:00Z"))
    finish(link, original)


def jobs_at_work_in_the_window(link: Link) -> None:
    """A leak, and jobs that post it before anybody can take it out again."""
    leaked(link)
    import_and_post(link)
    take_out_the_leak(link)


def leaked(link: Link) -> None:
    prepare(link)
    link.create(milestone())
    link.stop()
    invoice(link)


def take_out_the_leak(link: Link) -> None:
    for name in ("fo.private.proposals", "fo.ProjActualsImports"):
        with link.world.transaction() as tx:
            for row in list(tx.select(name)):
                tx.delete(name, tuple(row[column] for column in tx.world.shape(name).table.key))


def test_with_the_jobs_on_hold_a_leak_can_be_taken_out_again(link: Link) -> None:
    leaked(link)
    take_out_the_leak(link)
    assert world_after(link) == RIGHT


@dataclass(frozen=True)
class Mistake:
    """A mistake by its number, and what is then different from the right world."""

    number: int
    act: Callable[[Link], Any]
    damage: Mapping[str, Any]


ALL_OPEN = {"in Finance": {"Kick-off": "NoStatus"}}
TWO_INVOICED = {"Kick-off": "Invoiced", "Never invoiced": "Invoiced"}
MISTAKES = [
    Mistake(1, open_milestone_as_ready, {
        "in Finance": TWO_INVOICED, "in Dataverse": {"Kick-off": "posted", "Never invoiced": "posted"},
        "value": AMOUNT + 50, "invoices": [AMOUNT + 50],
    }),
    Mistake(1, open_milestone_made_ready_by_somebody, {
        "in Finance": TWO_INVOICED, "in Dataverse": {"Kick-off": "posted", "Never invoiced": "ready"},
        "value": AMOUNT + 50,
    }),
    Mistake(2, dimensions_come_later, {"dimensions": {""}}),
    Mistake(3, loaded_before_the_cutover_version, ALL_OPEN),
    Mistake(3, loaded_without_generated_mapping, ALL_OPEN),
    Mistake(3, loaded_while_stopped, {"in Finance": {}, "value": 0, "dates": set(), "dimensions": set()}),
    Mistake(4, left_running(ACTUALS, INVOICES), BILLED_AGAIN),
    Mistake(4, left_running(ACTUALS), {"staged": 1}),
    Mistake(4, left_running(INVOICES), {"proposals": 1}),
    Mistake(4, milestones_left_running, {"in Dataverse": {"Kick-off": "ready"}, "invoices": []}),
    Mistake(5, paused_instead_of_stopped, BILLED_AGAIN),
    Mistake(6, restarted_with_initial_sync, BILLED_AGAIN),
    Mistake(7, left_on_the_cutover_version, {
        "in Finance": {"Kick-off": "Invoiced", "After go-live": "Invoiced"},
        "in Dataverse": {"Kick-off": "posted", "After go-live": "ready"}, "value": AMOUNT + 70,
    }),
    Mistake(7, restarted_on_the_latest_version, {
        "in Finance": {"Kick-off": "Invoiced", "After go-live": "NoStatus"},
        "in Dataverse": {"Kick-off": "posted", "After go-live": "ready"}, "value": AMOUNT + 70,
        "dates": {"2024-03-01", "2024-02-29"},
    }),
    Mistake(8, other_hours_swept_in, {"invoices": [AMOUNT + 80]}),
    Mistake(9, sync_actuals, BILLED_AGAIN),
    Mistake(9, sync_actuals_alone, {"staged": 1}),
    Mistake(10, revised_later, {
        **BILLED_AGAIN, **ALL_OPEN, "asked of customers": [AMOUNT, -AMOUNT], "in Dataverse": {"Kick-off": "ready"},
        "staged": 2, "proposals": 2, "invoices": [-AMOUNT, AMOUNT],
    }),
    Mistake(11, confirmed_in_the_background, BILLED_AGAIN),
    Mistake(12, loaded_twice, {"value": 2 * AMOUNT, "invoices": [2 * AMOUNT]}),
    Mistake(13, with_more_digits_than_the_currency, {"value": Decimal("100.1049"), "invoices": [Decimal("100.1049")]}),
    Mistake(13, dated_in_another_time_zone, {"dates": {"2024-02-29"}}),
    Mistake(14, jobs_at_work_in_the_window, {
        "asked of customers": [AMOUNT], "booked": {"CustBalance", "ProjOnAccount"},
    }),
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"M{mistake.number}-{mistake.act.__name__}")
def test_a_mistake_leaves_the_damage_that_is_named(link: Link, mistake: Mistake) -> None:
    mistake.act(link)
    found = world_after(link)
    assert {name: found[name] for name in found if found[name] != RIGHT[name]} == mistake.damage


def test_a_milestone_in_another_currency_than_its_contract_is_refused(link: Link) -> None:
    in_another_currency(link)
    assert world_after(link) == RIGHT


def test_every_mistake_of_the_reference_stands_in_the_table() -> None:
    assert {mistake.number for mistake in MISTAKES} == set(range(1, 15))
    assert all(mistake.damage for mistake in MISTAKES)
