from decimal import Decimal

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.finance import writes
from statecfg.sandbox.finance.importing import import_from_staging
from statecfg.sandbox.finance.ledger import Entry, Share, book, ledger_report, next_voucher
from statecfg.sandbox.finance.posting import declare_settings, post_proposals
from statecfg.sandbox.projops.confirming import confirm_invoice
from statecfg.sandbox.projops.creating import create_invoice
from tests.sandbox.project_world import CONTRACT, LINE_1, MILESTONE, hours, identity, milestone, project_world

TYPES = {192350005: "Sales", 192350006: "BilledSales"}


def carry(world, *skip):
    """A stand-in for the running maps: every confirmed invoice and every actual goes to F&O as the maps say."""

    def listen(tx, table, operation, pairs):
        for _, row in pairs:
            if table == "msdyn_actual" and operation == "create" and not row["msdyn_skipsync"] and table not in skip:
                with tx.echoing():
                    writes.write_from_dualwrite(tx, "ProjActualsImports", staged(tx, row), "create")
            if table == "invoice" and row["msdyn_projectinvoicestatus"] == 192350002 and table not in skip:
                with tx.echoing():
                    writes.write_from_dualwrite(tx, "private.proposals", proposed(row), "create")

    world.hooks.on_changes(listen)


def staged(tx, row):
    invoice = tx.get("invoice", row["msdyn_invoice"]) if row["msdyn_invoice"] else None
    return {
        "dataAreaId": "usmf",
        "ActualId": row["msdyn_actualid"],
        "Description": row["msdyn_description"],
        "Amount": row["msdyn_amount"],
        "ContractId": "CON-1",
        "ContractLineId": row["msdyn_salescontractlineid"] or "",
        "TransactionType": TYPES[row["msdyn_transactiontypecode"]],
        "TransactionClassification": row["msdyn_transactionclassification"],
        "TransactionCurrencyId": "USD",
        "Quantity": row["msdyn_quantity"] or Decimal(0),
        "InvoiceProposalId": invoice["invoicenumber"] if invoice else "",
    }


def proposed(row):
    return {
        "dataAreaId": "usmf",
        "ExternalId": row["invoiceid"],
        "ProposalId": row["invoicenumber"],
        "ProjectContractId": "CON-1",
        "CustomerAccountNumber": "US-001",
        "CurrencyCode": "USD",
        "InvoiceAmount": row["totalamount"],
    }


@pytest.fixture
def world():
    made = project_world()
    declare_settings(made)
    yield made
    made.close()


def invoiced(tx, *rows, table=MILESTONE):
    records.create_many(tx, table, rows)
    invoice = create_invoice(tx, CONTRACT)
    confirm_invoice(tx, invoice["invoiceid"])
    return invoice


def books(tx):
    report = ledger_report(tx)["usmf"]
    return report["ar"]["count"], report["gl"]["count"]


def test_only_posting_moves_the_ledger(world):
    carry(world)
    with world.transaction() as tx:
        invoice = invoiced(tx, milestone(), milestone("Design", "50", msdyn_tax=Decimal("9.50")))
        assert len(tx.find("fo.ProjActualsImports")) == 2
        assert books(tx) == (0, 0)
        assert import_from_staging(tx).proposals == (invoice["invoicenumber"],)
        assert books(tx) == (0, 0)
        posted = post_proposals(tx)
        assert [(p.amount, p.invoice) for p in posted] == [(Decimal("159.60"), invoice["invoicenumber"])]
        report = ledger_report(tx)["usmf"]
        assert report["ar"]["open_amount"] == Decimal("159.60")
        assert report["gl"]["accounts"] == {
            "130100": Decimal("159.60"),
            "202140": Decimal("-9.50"),
            "403300": Decimal("-150.10"),
        }
        assert report["gl"]["debit"] + report["gl"]["credit"] == 0
        assert {entry["voucher"] for entry in report["gl"]["entries"]} == {posted[0].voucher}


def test_without_the_actuals_a_header_stays_without_lines(world):
    carry(world, "msdyn_actual")
    with world.transaction() as tx:
        invoice = invoiced(tx, milestone())
        done = import_from_staging(tx)
        assert done.proposals == ()
        assert done.incomplete == ((invoice["invoicenumber"], "no billed sales actual is in staging"),)
        assert post_proposals(tx) == ()


def test_without_the_header_staged_actuals_stay_where_they_are(world):
    carry(world, "invoice")
    with world.transaction() as tx:
        invoiced(tx, milestone())
        assert import_from_staging(tx).lines == 0
        assert post_proposals(tx) == ()
        assert [row["IsJournalized"] for row in tx.find("fo.ProjActualsImports")] == ["No"]


def test_a_proposal_waits_until_all_its_lines_are_staged(world):
    carry(world)
    with world.transaction() as tx:
        invoice = invoiced(tx, milestone(), milestone("Design"))
        row = tx.find("fo.ProjActualsImports")[0]
        tx.delete("fo.ProjActualsImports", (row["dataAreaId"], row["ActualsImportId"]))
        assert import_from_staging(tx).incomplete == ((invoice["invoicenumber"], "1 of 2 lines are in staging"),)
        tx.insert("fo.ProjActualsImports", row)
        assert import_from_staging(tx).lines == 2
        assert import_from_staging(tx).lines == 0


def test_posting_marks_the_milestone_and_tells_the_staged_actual(world):
    carry(world)
    with world.transaction() as tx:
        there = {"dataAreaId": "usmf", "ContractLineMilestoneGuid": identity(f"{LINE_1}/Kick-off"), "Amount": 100}
        writes.create(tx, writes.MILESTONES, {**there, "ContractLineId": LINE_1, "ProjectContractId": "CON-1"})
        invoice = invoiced(tx, milestone())
        import_from_staging(tx)
        table = "fo.ProjectContractLineMilestones"
        assert [row["TransStatus"] for row in tx.find(table)] == ["InvoiceProposal"]
        voucher = post_proposals(tx)[0].voucher
        on_account = tx.find(table)[0]
        assert on_account["TransStatus"] == "Invoiced"
        lines = tx.find("fo.DocumentProjInvoiceOnAccLines", TransId=on_account["TransactionId"])
        assert [(row["LineAmount"], row["LedgerVoucher"]) for row in lines] == [(Decimal("100.10"), voucher)]
        staged_row = tx.find("fo.ProjActualsImports")[0]
        assert (staged_row["VoucherNumber"], staged_row["AccountingAmount"]) == (voucher, Decimal("100.10"))
        assert staged_row["InvoiceId"] == invoice["invoicenumber"]
        assert tx.find("fo.PSAActuals")[0]["OnAccMilestone"] == Decimal("100.10")


def test_a_milestone_that_is_a_credit_itself_is_invoiced_by_posting_too(world):
    carry(world)
    with world.transaction() as tx:
        there = {"dataAreaId": "usmf", "ContractLineMilestoneGuid": identity(f"{LINE_1}/Kick-off"), "Amount": -100}
        writes.create(tx, writes.MILESTONES, {**there, "ContractLineId": LINE_1, "ProjectContractId": "CON-1"})
        invoiced(tx, milestone(amount="-100"))
        import_from_staging(tx)
        assert [posted.amount for posted in post_proposals(tx)] == [Decimal("-100")]
        assert tx.find("fo.ProjectContractLineMilestones")[0]["TransStatus"] == "Invoiced"


def test_the_account_of_a_milestone_is_a_setting():
    world = project_world(**{"finance.on_account": "balance"})
    declare_settings(world)
    carry(world)
    with world.transaction() as tx:
        invoiced(tx, milestone())
        import_from_staging(tx)
        post_proposals(tx)
        lines = tx.find("fo.GeneralJournalAccountEntryBiEntities")
        assert {row["PostingType"]: row["IsCredit"] for row in lines} == {
            "CustBalance": "No",
            "ProjWIPInvoicedOnAccount": "Yes",
        }
    world.close()


def test_time_is_posted_as_revenue_and_unbilled_sales_are_journalised(world):
    carry(world)
    with world.transaction() as tx:
        invoiced(tx, hours(), table="msdyn_actual")
        done = import_from_staging(tx)
        assert (done.lines, done.journal_lines) == (1, 1)
        assert len(tx.find("fo.ProjAdvancedJournals")) == 1
        post_proposals(tx)
        posting_types = {row["PostingType"] for row in tx.find("fo.GeneralJournalAccountEntryBiEntities")}
        assert posting_types == {"CustBalance", "ProjTurnover"}


def test_an_integration_journal_holds_so_many_lines(world):
    carry(world)
    with world.transaction() as tx:
        records.create_many(tx, "msdyn_actual", [hours() for _ in range(201)])
        assert import_from_staging(tx).journal_lines == 201
        assert len(tx.find("fo.ProjAdvancedJournals")) == 2


def test_a_payment_closes_the_invoice_it_names(world):
    with world.transaction() as tx:
        common = {"company": "usmf", "customer": "US-001", "document": "FTI-1", "currency": "USD", "is_project": False}
        day = "2024-05-01T12:00:00Z"
        for kind, prefix, account, amount in (
            ("Cust", "ARFT", "CustRevenue", "250.25"),
            ("Payment", "ARPM", "Bank", "-250.25"),
        ):
            voucher = next_voucher(tx, "usmf", prefix)
            shares = (Share(account, Decimal(amount)),)
            book(tx, Entry(voucher=voucher, date=day, kind=kind, shares=shares, **common))
        report = ledger_report(tx)["usmf"]
        assert (report["ar"]["count"], report["ar"]["open_count"], report["ar"]["amount"]) == (2, 0, Decimal(0))
        assert report["gl"]["accounts"] == {"110110": Decimal("250.25"), "130100": 0, "401100": Decimal("-250.25")}
        settled = {row["Voucher"]: row["Closed"] for row in tx.find("fo.CustTransactions")}
        assert set(settled.values()) == {day}
