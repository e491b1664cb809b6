"""The cutover's procedure on the small company, in the right order and in wrong ones, import and posting included.

Numbers M... are those of reference/project-operations.md, "Typical mistakes the client must catch".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statecfg.sandbox.finance.importing import import_from_staging
from statecfg.sandbox.finance.posting import post_proposals
from statecfg.sandbox.projops.confirming import confirm_invoice
from statecfg.sandbox.projops.creating import create_invoice
from tests.sandbox.dualwrite_world import (
    ACTUALS,
    FINANCE_MILESTONES,
    INVOICES,
    MILESTONE,
    MILESTONES,
    PAUSE,
    RESUME,
    START,
    SYNC,
    Link,
    milestone,
)
from tests.sandbox.project_world import CONTRACT

THREE = (MILESTONES, ACTUALS, INVOICES)
NOT_READY, POSTED = 192350000, 192350003


def load(link: Link) -> list[dict[str, Any]]:
    return link.create(milestone(), milestone("Design", "200.20"))


def invoice(link: Link) -> None:
    with link.world.transaction() as tx:
        made = create_invoice(tx, CONTRACT)["invoiceid"]
    with link.world.transaction() as tx:
        confirm_invoice(tx, made)


def back_to_the_original(link: Link) -> None:
    assert link.switch(link.version("1.0.0.7")).status_code == 200
    link.refresh()


def business_goes_on(link: Link) -> list[str]:
    """Import from staging and posting of every proposal; the vouchers that appear."""
    with link.world.transaction() as tx:
        import_from_staging(tx)
        post_proposals(tx)
        return [row["Voucher"] for row in tx.select("fo.CustTransactions")]


def statuses(link: Link) -> set[str]:
    return {row["TransStatus"] for row in link.rows(FINANCE_MILESTONES)}


def test_in_the_right_order_everything_is_invoiced_and_no_ledger_moved(link: Link) -> None:
    link.run_cutover_version()
    load(link)
    link.stop(*THREE)
    invoice(link)
    back_to_the_original(link)
    link.start(*THREE)
    assert business_goes_on(link) == []
    assert statuses(link) == {"Invoiced"}
    assert {row["msdyn_invoicestatus"] for row in link.rows(MILESTONE)} == {POSTED}
    assert link.rows("fo.GeneralJournalEntryBiEntities") == []
    # Business goes on as usual: the next milestone of the line is a plain one, and its invoice posts.
    (later,) = link.create(milestone("Later"))
    found = link.in_finance(later)
    assert found
    assert found["TransStatus"] == "NoStatus"
    invoice(link)
    assert len(business_goes_on(link)) == 1


def test_m1_an_uninvoiced_milestone_loaded_as_ready_stays_invoiced(link: Link) -> None:
    link.run_cutover_version()
    load(link)
    (open_one,) = link.create(milestone("Not invoiced before"))
    link.stop(*THREE)
    back_to_the_original(link)
    link.start(*THREE)
    found = link.in_finance(open_one)
    assert found
    assert found["TransStatus"] == "Invoiced"


def test_m3_milestones_loaded_on_the_original_version_arrive_as_open(link: Link) -> None:
    load(link)
    assert statuses(link) == {"NoStatus"}


@pytest.mark.parametrize("left_running", [(ACTUALS, INVOICES), (ACTUALS,), (INVOICES,)])
def test_m4_a_map_left_running_leaks(link: Link, left_running: tuple[str, ...]) -> None:
    link.run_cutover_version()
    load(link)
    link.stop(*(name for name in THREE if name not in left_running))
    invoice(link)
    leaked = {
        ACTUALS: len(link.rows("fo.ProjActualsImports")),
        INVOICES: len(link.rows("fo.private.proposals")),
    }
    assert {name for name, count in leaked.items() if count} == set(left_running)
    vouchers = business_goes_on(link)
    assert len(vouchers) == (1 if len(left_running) == 2 else 0)


def restart_after_a_pause(link: Link) -> None:
    link.stop()
    link.do(PAUSE, ACTUALS, INVOICES)
    invoice(link)
    back_to_the_original(link)
    link.start()
    link.do(RESUME, ACTUALS, INVOICES)
    assert link.state(ACTUALS) == link.state(INVOICES) == "4"


def restart_with_initial_sync(link: Link) -> None:
    link.stop(*THREE)
    invoice(link)
    back_to_the_original(link)
    link.start()
    link.do(START, ACTUALS, INVOICES, parameters=SYNC)


@pytest.mark.parametrize("wrong", [restart_after_a_pause, restart_with_initial_sync])
def test_m5_and_m6_a_pause_and_an_initial_sync_bring_the_invoices_after_all(
    link: Link, wrong: Callable[[Link], None]
) -> None:
    link.run_cutover_version()
    load(link)
    wrong(link)
    (voucher,) = business_goes_on(link)
    assert voucher
    assert link.rows("fo.GeneralJournalEntryBiEntities", SubledgerVoucher=voucher)


def test_m7_the_cutover_version_left_running_marks_the_next_milestone_as_invoiced(link: Link) -> None:
    link.run_cutover_version()
    load(link)
    link.stop(*THREE)
    invoice(link)
    link.start(*THREE)
    (next_one,) = link.create(milestone("After go-live"))
    found = link.in_finance(next_one)
    assert found
    assert found["TransStatus"] == "Invoiced"


def test_milestones_loaded_while_the_map_is_stopped_never_arrive(link: Link) -> None:
    link.stop()
    load(link)
    link.refresh()
    link.save_as()
    link.start()
    assert link.rows(FINANCE_MILESTONES) == []
