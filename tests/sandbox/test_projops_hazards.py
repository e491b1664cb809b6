"""The cutover done right leaves the ledger as it was; each typical mistake leaves damage that can be named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import control
from statecfg.sandbox.projops import codes
from statecfg.sandbox.projops.confirming import confirm_invoice, correct_invoice, mark_paid
from statecfg.sandbox.projops.creating import create_invoice
from tests.sandbox.dualwrite_world import ACTUALS, INVOICES, MILESTONES, PAUSE, RESUME, START, SYNC, Link, running_link
from tests.sandbox.project_world import CONTRACT, MILESTONE, hours, milestone

THREE = (MILESTONES, ACTUALS, INVOICES)
AMOUNT = Decimal("100.10")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with running_link(tmp_path_factory.mktemp("ca")) as link:
        control.register(link.kernel.control, link.world)
        yield link


@pytest.fixture
def link(running: Link) -> Link:
    running.world.restore("fresh")
    running.world.faults.clear()
    return running


def original(link: Link) -> str:
    return link.map()["template"]["id"]


def load(link: Link) -> str:
    """Cutover version on, one milestone in; the id of the version that was active before."""
    before = original(link)
    link.run_cutover_version()
    link.create(milestone())
    return before


def invoice(link: Link) -> str:
    with link.world.transaction() as tx:
        made = create_invoice(tx, CONTRACT)
    with link.world.transaction() as tx:
        confirm_invoice(tx, made["invoiceid"])
    return str(made["invoiceid"])


def bring_back(link: Link, version: str, *maps: str) -> None:
    assert link.switch(version).status_code == 200
    link.refresh()
    link.start(*maps)


def cut_over(link: Link) -> str:
    """The whole procedure in its order; the migrated invoice."""
    before = load(link)
    link.stop(*THREE)
    made = invoice(link)
    bring_back(link, before, *THREE)
    return made


def books(link: Link) -> tuple[int, int]:
    """Entries of AR and GL after the import has run and every proposal is posted."""
    assert link.control("POST", "import").status_code == 200
    assert link.control("POST", "post").status_code == 200
    ledger = link.control("GET", "ledger").json()["usmf"]
    return ledger["ar"]["count"], ledger["gl"]["count"]


def status_in_finance(link: Link, name: str = "Kick-off") -> str:
    return str(link.rows("fo.ProjectContractLineMilestones", Description=name)[0]["TransStatus"])


def test_done_right_nothing_reaches_the_ledger(link: Link) -> None:
    cut_over(link)
    assert books(link) == (0, 0)
    assert status_in_finance(link) == "Invoiced"
    assert link.rows(MILESTONE)[0]["msdyn_invoicestatus"] == codes.POSTED
    for table in ("fo.ProjActualsImports", "fo.private.proposals", "fo.DocumentProjectInvoiceBases"):
        assert link.rows(table) == []


def left_running(link: Link) -> None:
    load(link)
    link.stop(MILESTONES)
    invoice(link)


def paused_instead_of_stopped(link: Link) -> None:
    before = load(link)
    link.stop(MILESTONES)
    for tname in (ACTUALS, INVOICES):
        link.do(PAUSE, tname)
    invoice(link)
    bring_back(link, before, MILESTONES)
    for tname in (ACTUALS, INVOICES):
        link.do(RESUME, tname)


def restarted_with_initial_sync(link: Link) -> None:
    before = load(link)
    link.stop(*THREE)
    invoice(link)
    bring_back(link, before, MILESTONES)
    link.do(START, ACTUALS, INVOICES, parameters=SYNC)


def milestones_on_the_original_version(link: Link) -> None:
    link.create(milestone())
    with link.world.transaction() as tx:
        create_invoice(tx, CONTRACT)
    with link.world.transaction() as tx:
        confirm_invoice(tx, next(tx.select("invoice"))["invoiceid"])


@pytest.mark.parametrize(
    "mistake",
    [left_running, paused_instead_of_stopped, restarted_with_initial_sync, milestones_on_the_original_version],
)
def test_a_wrong_order_puts_a_voucher_into_ar_and_gl(link: Link, mistake: Callable[[Link], None]) -> None:
    mistake(link)
    assert link.control("GET", "ledger").json()["usmf"]["ar"]["count"] == 0
    assert books(link) == (1, 2)
    entry = link.control("GET", "ledger").json()["usmf"]["ar"]["entries"][0]
    assert entry["invoice"] == link.rows("invoice")[0]["invoicenumber"]
    assert {row["PostingType"] for row in link.rows("fo.GeneralJournalAccountEntryBiEntities")} == {
        "CustBalance",
        "ProjOnAccount",
    }
    assert link.rows("fo.DocumentProjInvoiceOnAccLines")[0]["LineAmount"] == AMOUNT


def test_posting_tells_dataverse_the_voucher_that_should_not_be(link: Link) -> None:
    left_running(link)
    books(link)
    (actual,) = link.rows("msdyn_actual")
    assert actual["msdyn_vouchernumber"] == link.rows("fo.CustTransactions")[0]["Voucher"]
    assert actual["msdyn_accountingamount"] == AMOUNT


@pytest.mark.parametrize(("running_map", "proposals", "staged"), [(INVOICES, 1, 0), (ACTUALS, 0, 1)])
def test_one_of_the_two_maps_alone_leaves_a_trace_but_no_entry(
    link: Link, running_map: str, proposals: int, staged: int
) -> None:
    load(link)
    link.stop(MILESTONES, ACTUALS if running_map == INVOICES else INVOICES)
    invoice(link)
    assert books(link) == (0, 0)
    assert len(link.rows("fo.private.proposals")) == proposals
    assert len(link.rows("fo.ProjActualsImports")) == staged


def test_loaded_before_the_cutover_version_runs_a_milestone_stays_open_in_finance(link: Link) -> None:
    link.create(milestone())
    link.run_cutover_version()
    assert status_in_finance(link) == "NoStatus"


def test_left_on_the_cutover_version_every_later_ready_milestone_counts_as_invoiced(link: Link) -> None:
    load(link)
    link.stop(*THREE)
    invoice(link)
    link.start(*THREE)
    link.create(milestone("Later"))
    assert status_in_finance(link, "Later") == "Invoiced"


def test_back_on_the_original_version_a_later_milestone_is_open(link: Link) -> None:
    cut_over(link)
    link.create(milestone("Later"))
    assert status_in_finance(link, "Later") == "NoStatus"


def test_other_ready_work_of_the_contract_is_swept_into_the_cutover_invoice(link: Link) -> None:
    link.create(hours(), table="msdyn_actual")
    cut_over(link)
    assert link.rows("invoice")[0]["totalamount"] == AMOUNT + 80


def test_revising_a_migrated_invoice_later_posts_a_credit_and_sends_the_original_too(link: Link) -> None:
    made = cut_over(link)
    with link.world.transaction() as tx:
        corrective = correct_invoice(tx, made)
        confirm_invoice(tx, corrective["invoiceid"])
    assert books(link) == (2, 4)
    entries = link.control("GET", "ledger").json()["usmf"]["ar"]["entries"]
    assert {entry["invoice"]: entry["amount"] for entry in entries} == {
        corrective["invoicenumber"]: float(-AMOUNT),
        link.rows("invoice", invoiceid=made)[0]["invoicenumber"]: float(AMOUNT),
    }


def test_marking_a_migrated_invoice_paid_sends_its_header(link: Link) -> None:
    made = cut_over(link)
    with link.world.transaction() as tx:
        mark_paid(tx, made)
    assert [row["ExternalId"] for row in link.rows("fo.private.proposals")] == [made]
    assert books(link) == (0, 0)


def test_a_migrated_milestone_cannot_be_changed_afterwards(link: Link) -> None:
    cut_over(link)
    key = link.rows(MILESTONE)[0]["msdyn_contractlinescheduleofvalueid"]
    link.world.settings["projops.strict"] = False
    with pytest.raises(Exception, match="fully invoiced and cannot be modified"), link.world.transaction() as tx:
        records.update(tx, MILESTONE, key, {"msdyn_amount": Decimal(1)})


def test_a_normal_day_after_the_cutover_moves_the_ledger_rightly(link: Link) -> None:
    cut_over(link)
    done = link.control("POST", "business-day", {"milestones": 1, "invoices": 1, "payments": 1}).json()
    assert len(done["vouchers"]) == 1
    ours = {row["msdyn_actualid"] for row in link.rows("msdyn_actual") if row["msdyn_description"] == "Kick-off"}
    assert ours.isdisjoint(row["ActualId"] for row in link.rows("fo.ProjActualsImports"))
