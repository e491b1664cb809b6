from decimal import Decimal

import pytest

from statecfg.sandbox.finance import writes
from statecfg.sandbox.world import Refused
from tests.sandbox.project_world import LINE_1, LINE_2, identity, project_world

TABLE = "fo.ProjectContractLineMilestones"


@pytest.fixture
def world():
    made = project_world()
    yield made
    made.close()


def carried(name="Kick-off", amount="100.10", line=LINE_1, company="usmf", **more):
    return {
        "dataAreaId": company,
        "ContractLineMilestoneGuid": identity(name),
        "Description": name,
        "Amount": Decimal(amount),
        "CurrencyCode": "USD",
        "ProjectContractId": "CON-1",
        "ContractLineId": line,
        "ProjectNumber": "PRJ-1",
        "TransactionDate": "2024-03-01T12:00:00Z",
        **more,
    }


def arrived(tx, name="Kick-off"):
    return tx.find(TABLE, ContractLineMilestoneGuid=identity(name))[0]


def test_a_milestone_that_arrives_is_numbered_and_completed(world):
    with world.transaction() as tx:
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried(), "create")
        row = arrived(tx)
        assert row["ContractLineMilestoneIdentifier"]
        assert row["TransactionId"]
        assert row["TransStatus"] == "NoStatus"
        assert row["TotalSalesAmount"] == row["LedgerSalesAmount"] == Decimal("100.10")
        assert row["LedgerTransactionDate"] == "2024-03-01T12:00:00Z"


def test_the_first_milestone_of_a_line_makes_one_revenue_estimate_project(world):
    with world.transaction() as tx:
        for name, line in (("a", LINE_1), ("b", LINE_1), ("c", LINE_2)):
            writes.write_from_dualwrite(tx, writes.MILESTONES, carried(name, line=line), "create")
        projects = tx.find("fo.ProjectsV2", dataAreaId="usmf")
        assert sorted(row["IntegrationSourceDataId"] for row in projects) == sorted([LINE_1, LINE_2])
        assert {row["ProjectContractId"] for row in projects} == {"CON-1"}


def test_no_estimate_project_where_the_setting_says_so():
    world = project_world(**{"finance.estimate_project": False})
    with world.transaction() as tx:
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried(), "create")
        assert tx.find("fo.ProjectsV2") == []
    world.close()


def test_a_milestone_of_an_unknown_contract_line_is_refused(world):
    with world.transaction() as tx, pytest.raises(Refused, match="validateWrite failed on data source"):
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried(line=identity("elsewhere")), "create")


def test_an_invoiced_transaction_may_be_sent_again_unchanged_but_not_modified(world):
    with world.transaction() as tx:
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried(TransStatus="Invoiced"), "create")
        before = arrived(tx)
        key = {name: before[name] for name in ("dataAreaId", "ContractLineMilestoneIdentifier")}
        writes.write_from_dualwrite(tx, writes.MILESTONES, {**carried(), **key}, "update")
        assert arrived(tx)["RecVersion"] == before["RecVersion"]
        for change in ({"Amount": Decimal(1)}, {"Description": "other"}, {"TransStatus": "NoStatus"}):
            with pytest.raises(Refused, match="fully invoiced and cannot be modified"):
                writes.write_from_dualwrite(tx, writes.MILESTONES, {**carried(), **key, **change}, "update")
        with pytest.raises(Refused, match="cannot be modified"):
            writes.write_from_dualwrite(tx, writes.MILESTONES, key, "delete")


@pytest.mark.parametrize("restamp", ["allow", "refuse"])
def test_setting_an_open_transaction_to_invoiced_by_an_update_depends_on_a_setting(restamp):
    world = project_world(**{"finance.restamp": restamp})
    with world.transaction() as tx:
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried(), "create")
        key = {name: arrived(tx)[name] for name in ("dataAreaId", "ContractLineMilestoneIdentifier")}
        again = {**carried(), **key, "TransStatus": "Invoiced"}
        if restamp == "refuse":
            with pytest.raises(Refused, match="cannot be set by an update"):
                writes.write_from_dualwrite(tx, writes.MILESTONES, again, "update")
        else:
            writes.write_from_dualwrite(tx, writes.MILESTONES, again, "update")
            assert arrived(tx)["TransStatus"] == "Invoiced"
    world.close()


def test_a_changed_amount_of_an_open_transaction_is_taken_with_what_follows_from_it(world):
    with world.transaction() as tx:
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried(), "create")
        key = {name: arrived(tx)[name] for name in ("dataAreaId", "ContractLineMilestoneIdentifier")}
        writes.write_from_dualwrite(tx, writes.MILESTONES, {**key, "Amount": Decimal(7)}, "update")
        assert arrived(tx)["TotalSalesAmount"] == arrived(tx)["LedgerSalesAmount"] == 7


def test_amounts_of_a_foreign_currency_are_converted_by_dataverses_rates(world):
    with world.transaction() as tx:
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried(CurrencyCode="EUR"), "create")
        # 1 USD is 0.8 EUR: 100.10 EUR are 125.13 USD, rounded half up.
        assert arrived(tx)["LedgerSalesAmount"] == Decimal("125.13")


def test_the_largest_amount_arrives_to_the_last_digit(world):
    with world.transaction() as tx:
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried(amount="922337203685476.99"), "create")
        assert arrived(tx)["TotalSalesAmount"] == Decimal("922337203685476.99")


def test_a_row_can_be_refused_on_demand(world):
    world.faults.add({"effect": "refuse_row", "table": TABLE, "column": "Description", "contains": "bad"})
    with world.transaction() as tx:
        writes.write_from_dualwrite(tx, writes.MILESTONES, carried("good"), "create")
        with pytest.raises(Refused):
            writes.write_from_dualwrite(tx, writes.MILESTONES, carried("bad"), "create")


def test_a_proposal_number_that_may_not_be_given_is_refused():
    world = project_world(**{"finance.proposal_numbers_manual": False})
    with world.transaction() as tx, pytest.raises(Refused, match="number sequence"):
        writes.write_from_dualwrite(tx, "private.proposals", {"dataAreaId": "usmf", "ProposalId": "INV-1"}, "create")
    world.close()
