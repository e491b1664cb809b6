"""Somebody else's work moves AR and GL while the window is open: each voucher is told by whose it is, and what to do.

One contract of the cutover is billed by hand with its maps running, as a procedure in the wrong order would; another
contract, of which the file knows nothing, is billed rightly. Both vouchers are new; only one is the cutover's.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from statecfg.model.plan import Finding
from statecfg.model.results import ApplyResult
from tests.end_to_end.meddling import Meddler
from tests.end_to_end.rig import Rig, said
from tests.end_to_end.stage import Stage, give, staged
from tests.foreign.client import ACTUALS, INVOICES

OURS, THEIRS = "CON-0002", "CON-0003"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), 3, 9, **{"gateway.request_reads": 0}) as stage:
        yield stage


@pytest.fixture
def somebody(stage: Stage) -> Iterator[Meddler]:
    """Everybody else; the run is stopped before its first invoice, and the file leaves one contract out."""
    others = Meddler(stage.take())
    rig = others.rig
    give(rig, [row for row in others.cutover.rows() if row["contract"] != THEIRS])
    steps = rig.plan("cutover").steps
    last = next(step.number for step in steps if step.address.kind == "invoices") - 1
    assert rig.apply("cutover", stop_after=last).exit_code == 3
    yield others
    others.client.close()


def bill(others: Meddler, contract: str) -> str:
    """Somebody invoices a contract by hand, whatever is ready on it; the number of the invoice."""
    draft = others.client.act("salesorders", others.order(contract), "msdyn_NewInvoiceContract")
    others.client.act("invoices", draft["invoiceid"], "msdyn_PostInvoice")
    return str(draft["invoicenumber"])


def billed(others: Meddler, *contracts: str) -> dict[str, str]:
    """Voucher by contract, after maps were started by hand and F&O has imported and posted."""
    others.client.start(ACTUALS, INVOICES)
    numbers = {bill(others, contract): contract for contract in contracts}
    others.rig.import_and_post()
    others.client.stop(ACTUALS, INVOICES)
    rows = others.rig.find("fo.DocumentProjectInvoiceBases")
    return {numbers[row["ProjInvoiceId"]]: row["LedgerVoucher"] for row in rows if row["ProjInvoiceId"] in numbers}


def blocking(result: ApplyResult) -> dict[str, Finding]:
    """What blocks, by code."""
    found = (*result.findings, *getattr(result.error, "findings", ()))
    return {finding.code: finding for finding in found if finding.blocks}


def resumed(rig: Rig) -> ApplyResult:
    return rig.app().resume(approve=lambda plan: True, attest={}, ask=None)


def line_about(finding: Finding, voucher: str) -> str:
    return next(words for words in finding.details if f"voucher {voucher}" in words)


@pytest.mark.parametrize("again", ["apply", "resume"])
def test_migrated_and_foreign_vouchers_are_told_apart(somebody: Meddler, again: str) -> None:
    somebody.work_on(THEIRS, 80)
    vouchers = billed(somebody, OURS, THEIRS)
    result = somebody.rig.apply("cutover") if again == "apply" else resumed(somebody.rig)
    assert result.exit_code == 7, said(result)
    found = blocking(result)
    customers, first = somebody.cutover.customers(), milestones(somebody)[0]
    for code in ("customer-transactions", "general-ledger"):
        ours, theirs = (line_about(found[code], vouchers[contract]) for contract in (OURS, THEIRS))
        assert f"a migrated milestone: {OURS} / {first}" in ours
        assert theirs.endswith(": nothing of this cutover")
        assert "must be reversed" in found[code].do
        assert f"--attest voucher.{vouchers[THEIRS]}=" in found[code].do
    theirs = line_about(found["customer-transactions"], vouchers[THEIRS])
    assert (customers[THEIRS] in theirs, "80.00" in theirs) == (True, True)
    assert "in usmf, general journal, 80.00 debited" in line_about(found["general-ledger"], vouchers[THEIRS])
    balance = next(words for words in found["customer-balances"].details if customers[OURS] in words)
    assert f"voucher {vouchers[OURS]}: a migrated milestone" in balance
    assert f"cutover invoice of {OURS}" in line_about(found["posted-cutover-invoice"], vouchers[OURS])
    assert "nothing of this cutover" in line_about(found["posted-project-invoices"], vouchers[THEIRS])


def milestones(others: Meddler) -> list[str]:
    """Lines and names of the milestones that were billed twice, sorted."""
    return sorted(f"{row['line']} / {row['name']}" for row in others.cutover.rows() if row["contract"] == OURS)


def test_where_evidence_is_missing_nothing_is_called_somebody_elses(somebody: Meddler) -> None:
    somebody.work_on(THEIRS, 80)
    vouchers = billed(somebody, OURS, THEIRS)
    fault = {"effect": "status", "status": 403, "service": "finance", "path": "ProjActualsImports"}
    somebody.rig.sandbox.world.faults.add(fault)
    somebody.rig.disabled = frozenset({"actuals_staging"})
    finding = blocking(somebody.rig.apply("cutover"))["customer-transactions"]
    assert "can't be told whose" in line_about(finding, vouchers[THEIRS])
    assert f"of {OURS}" in line_about(finding, vouchers[OURS]), "the other evidence still tells"


def test_other_work_alone_is_explained_and_the_cutover_goes_on(somebody: Meddler) -> None:
    rig = somebody.rig
    customer = rig.find("salesorder", ordernumber=OURS)[0]["customerid"]
    somebody.edit("salesorder", match={"ordernumber": THEIRS}, changes={"customerid": customer})
    somebody.work_on(THEIRS, 80)
    voucher = billed(somebody, THEIRS)[THEIRS]
    first = rig.apply("cutover")
    assert first.exit_code == 7, said(first)
    found = blocking(first)
    assert found["customer-transactions"].do.startswith("nothing of this cutover moved")
    assert found["customer-transactions"].do.endswith(f'add --attest voucher.{voucher}="NAME: WHY"')
    assert {"customer-balances", "general-ledger", "posted-project-invoices"} <= found.keys()
    words = {f"voucher.{voucher}": "Eva Klein: hours of another project"}
    asked = rig.apply("restored", attest=words)
    known = {finding.code: "Eva Klein: the same hours" for finding in asked.findings if finding.severity == "ask"}
    second = rig.apply("restored", attest={**words, **known})
    assert (second.exit_code, blocking(second)) == (0, {}), said(second)
