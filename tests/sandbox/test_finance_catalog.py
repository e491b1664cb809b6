from decimal import Decimal

import pytest

from statecfg.sandbox.finance import catalog
from statecfg.sandbox.world import World


@pytest.fixture
def world():
    made = World()
    catalog.define_tables(made)
    yield made
    made.close()


def test_the_milestone_set_has_the_columns_of_the_reference():
    milestones = catalog.entity_set("ProjectContractLineMilestones")
    assert milestones.keys == ("dataAreaId", "ContractLineMilestoneIdentifier")
    assert [column.name for column in milestones.columns] == [
        "dataAreaId", "ContractLineMilestoneIdentifier", "ActivityNumber", "ProjectNumber", "Description",
        "ContractLineMilestoneGuid", "LedgerTransactionDate", "CurrencyCode", "TotalSalesAmount", "ProjectContractId",
        "LedgerSalesAmount", "TransactionId", "Amount", "ProjectContractLineMilestoneHeader", "TransStatus",
        "TransactionDate", "CustomerAccountNumber", "ContractLineId",
    ]  # fmt: skip
    assert milestones.by_name["TransStatus"].enum == "ProjTransStatus"


@pytest.mark.parametrize("value", ["4", 4, "Invoiced", "invoiced"])
def test_four_and_invoiced_are_the_same_member(value):
    assert catalog.member("ProjTransStatus", value) == "Invoiced"


def test_a_number_that_no_member_has_is_no_member():
    assert catalog.member("ProjTransStatus", "192350002") is None


def test_every_enum_column_has_a_known_enum():
    for entity_set in catalog.entity_sets().values():
        for column in entity_set.columns:
            assert column.type != "enum" or column.enum in catalog.enums(), (entity_set.name, column.name)


def test_every_key_is_a_column_and_every_navigation_leads_somewhere():
    for entity_set in catalog.entity_sets().values():
        assert set(entity_set.keys) <= set(entity_set.by_name), entity_set.name
        for navigation in entity_set.navigations:
            target = catalog.entity_set(navigation.target)
            assert all(own in entity_set.by_name and other in target.by_name for own, other in navigation.on)


def test_the_largest_amount_is_kept_to_the_last_digit(world):
    amount = Decimal("922337203685476.99")
    with world.transaction() as tx:
        row = {"dataAreaId": "usmf", "ContractLineMilestoneIdentifier": "1", "Amount": amount}
        tx.insert("fo.ProjectContractLineMilestones", row)
        assert tx.get("fo.ProjectContractLineMilestones", ("USMF", "1"))["Amount"] == amount


def test_record_ids_grow_across_tables(world):
    with world.transaction() as tx:
        first = tx.insert("fo.CustTransactions", {"dataAreaId": "usmf"})["SysRecId"]
        second = tx.insert("fo.GeneralJournalAccountEntryBiEntities", {})["SourceKey"]
    assert second > first


def test_no_entity_set_shows_invoice_proposals(world):
    assert catalog.PROPOSALS in world.tables
    assert not any("proposal" in name.lower() for name in catalog.entity_sets())
