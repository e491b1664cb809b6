"""Every client method against the sandbox over real sockets, with nothing between."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from statecfg.clients import witness
from statecfg.clients.admin import ADMINISTRATION_MODE, ON
from statecfg.clients.choices import (
    BillingMethod,
    InvoiceStatus,
    MilestoneStatus,
    OrderType,
    TransactionClass,
    TransStatus,
)
from statecfg.clients.connect import Clients
from statecfg.clients.finance import enum_literal
from statecfg.clients.mapping import FieldMapping, with_rows
from statecfg.clients.tablemap import TableMap
from statecfg.model.environment import INVOICES_MAP, MILESTONES_MAP
from statecfg.model.errors import Conflict, NotFound, Rejected, Unavailable
from statecfg.sandbox.server import Sandbox
from tests.clients.company import Company

MILESTONES_MAP_PAIR = (MILESTONES_MAP.entity_set, MILESTONES_MAP.entity)
MILESTONE, MILESTONES = "msdyn_contractlinescheduleofvalue", "msdyn_contractlinescheduleofvalues"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    directory = tmp_path_factory.mktemp("company")
    with Sandbox.start(directory, contracts=12, milestones=120) as sandbox:
        sandbox.world.snapshot("fresh")
        yield Company(sandbox, directory)
        assert sandbox.crashes == []


@pytest.fixture
def company(seeded: Company) -> Company:
    seeded.sandbox.world.restore("fresh")
    seeded.heal()
    seeded.events.clear()
    return seeded


@pytest.fixture
def clients(company: Company) -> Iterator[Clients]:
    with company.clients() as made:
        yield made


def milestones_map(clients: Clients) -> TableMap:
    return clients.gateway.find(MILESTONES_MAP.entity_set, MILESTONES_MAP.entity)


def settled(clients: Clients, request_id: str) -> list[str]:
    """How a request of the gateway ended, one word a map."""
    for _ in range(50):
        outcome = clients.gateway.status(request_id)
        if outcome and all(one.state != "waiting" for one in outcome.values()):
            return [one.state for one in outcome.values()]
        clients.transport.sleep(0.02)
    raise AssertionError("the request never ends")


# Dataverse: reading


def test_pages_give_every_row_once_whatever_their_size(clients: Clients) -> None:
    def ids(page: int) -> list[str]:
        rows = clients.dataverse.rows(MILESTONES, select=("msdyn_name", "msdyn_amount"), page=page)
        return [row[f"{MILESTONE}id"] for row in rows]

    whole, small = ids(5000), ids(7)
    assert len(whole) == len(set(whole)) > 20
    assert sorted(small) == sorted(whole)
    assert clients.dataverse.count(MILESTONES) == len(whole)


def test_ordered_and_filtered_pages_keep_their_order(clients: Clients) -> None:
    rows = clients.dataverse.rows(
        MILESTONES,
        select=("msdyn_amount", "msdyn_invoicestatus"),
        filter=f"msdyn_invoicestatus eq {MilestoneStatus.NOT_READY}",
        orderby="msdyn_amount desc",
        page=3,
    )
    amounts = [row["msdyn_amount"] for row in rows]
    assert amounts == sorted(amounts, reverse=True)
    assert len(amounts) > 3


def test_money_and_etags_come_exact(clients: Clients) -> None:
    row = next(clients.dataverse.rows(MILESTONES, select=("msdyn_amount", "_msdyn_contract_value"), top=1))
    assert isinstance(row["msdyn_amount"], Decimal | int)
    assert row["@odata.etag"].startswith('W/"')
    assert UUID(row["_msdyn_contract_value"])


def contracts(clients: Clients) -> list[dict[str, Any]]:
    wanted = f"msdyn_ordertype eq {OrderType.WORK_BASED}"
    return list(clients.dataverse.rows("salesorders", select=("ordernumber", "name"), filter=wanted))


def test_rows_are_found_by_chunks_of_keys_lookups_and_names(clients: Clients) -> None:
    dataverse = clients.dataverse
    found = contracts(clients)
    ids, numbers = [one["salesorderid"] for one in found], [one["ordernumber"] for one in found]
    by_id = dataverse.rows_where_in("salesorders", "salesorderid", ids, select=("ordernumber",), chunk=5)
    assert [row["ordernumber"] for row in by_id] == numbers
    by_number = dataverse.rows_where_in("salesorders", "ordernumber", numbers, select=("name",), chunk=4)
    assert sorted(row["salesorderid"] for row in by_number) == sorted(ids)
    of_them = dataverse.rows_where_in(MILESTONES, "_msdyn_contract_value", ids, select=("msdyn_name",), chunk=5)
    assert len(list(of_them)) == dataverse.count(MILESTONES)


def test_names_with_quotes_can_be_asked_for(clients: Clients) -> None:
    names = ["O'Neil & Sons", 'say "hello"', "50 % [net]"]
    for name in names:
        clients.dataverse.create("accounts", {"name": name})
    rows = clients.dataverse.rows_where_in("accounts", "name", names, select=("name",))
    assert {row["name"] for row in rows} == set(names)


def test_an_expanded_row_brings_its_relation(clients: Clients) -> None:
    wanted = f"msdyn_billingmethod eq {BillingMethod.FIXED_PRICE}"
    row = next(
        clients.dataverse.rows(
            "salesorderdetails",
            select=("salesorderdetailname",),
            expand="salesorderid($select=ordernumber)",
            filter=wanted,
            top=1,
        )
    )
    assert row["salesorderid"]["ordernumber"]


def test_one_record_is_read_or_is_none(clients: Clients) -> None:
    one = contracts(clients)[0]
    found = clients.dataverse.row("salesorders", one["salesorderid"], select=("ordernumber",))
    assert found is not None
    assert found["ordernumber"] == one["ordernumber"]
    assert clients.dataverse.row("salesorders", str(uuid.uuid4()), select=("ordernumber",)) is None


def test_what_does_not_exist_is_refused_and_not_empty(clients: Clients) -> None:
    with pytest.raises(NotFound):
        list(clients.dataverse.rows("nosuchtables", select=("x",)))
    with pytest.raises(Rejected, match="nosuchcolumn"):
        list(clients.dataverse.rows("salesorders", select=("nosuchcolumn",)))


# Dataverse: writing


def test_a_record_is_made_changed_and_deleted(clients: Clients) -> None:
    dataverse, key = clients.dataverse, str(uuid.uuid4())
    assert dataverse.create("annotations", {"annotationid": key, "subject": "a lock"}) == key
    with pytest.raises(Conflict):
        dataverse.create("annotations", {"annotationid": key, "subject": "second"})
    first = dataverse.row("annotations", key, select=("subject",))
    assert first is not None
    dataverse.update("annotations", key, {"subject": "mine"}, etag=first["@odata.etag"])
    with pytest.raises(Conflict):
        dataverse.update("annotations", key, {"subject": "stale"}, etag=first["@odata.etag"])
    with pytest.raises(Conflict):
        dataverse.delete("annotations", key, etag=first["@odata.etag"])
    dataverse.delete("annotations", key)
    with pytest.raises(NotFound):
        dataverse.update("annotations", key, {"subject": "gone"})


def milestone(clients: Clients, name: str, amount: Decimal, **more: Any) -> dict[str, Any]:
    """A milestone on a line in the base currency, so that no rate makes the greatest amount too great."""
    base = next(
        clients.dataverse.rows("transactioncurrencies", select=("isocurrencycode",), filter="exchangerate eq 1")
    )
    wanted = (
        f"msdyn_billingmethod eq {BillingMethod.FIXED_PRICE} "
        f"and _transactioncurrencyid_value eq {base['transactioncurrencyid']}"
    )
    line = next(
        clients.dataverse.rows(
            "salesorderdetails",
            select=("_salesorderid_value", "_transactioncurrencyid_value"),
            filter=wanted,
            top=1,
        )
    )
    return {
        f"{MILESTONE}id": str(uuid.uuid4()),
        "msdyn_name": name,
        "msdyn_amount": amount,
        "msdyn_tax": Decimal("0"),
        "msdyn_invoicedate": "2021-11-01",
        "msdyn_invoicestatus": MilestoneStatus.NOT_READY,
        "msdyn_transactionclassification": TransactionClass.MILESTONE,
        "msdyn_transactiontypecode": 192350006,
        "msdyn_contract@odata.bind": f"/salesorders({line['_salesorderid_value']})",
        "msdyn_ContractLineId@odata.bind": f"/salesorderdetails({line['salesorderdetailid']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({line['_transactioncurrencyid_value']})",
        **more,
    }


@pytest.fixture
def stopped(clients: Clients) -> None:
    """The milestones map stopped, so that rows go nowhere."""
    assert settled(clients, clients.gateway.stop([milestones_map(clients)])) == ["completed"]


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("amount", ["1000.10", "922337203685476.99", "0.01"])
def test_money_arrives_to_the_last_digit_and_comes_back(clients: Clients, amount: str) -> None:
    rows = [milestone(clients, "exact", Decimal(amount)), milestone(clients, "other", Decimal("5.00"))]
    ids = clients.dataverse.create_multiple(MILESTONES, MILESTONE, rows)
    assert list(ids) == [row[f"{MILESTONE}id"] for row in rows]
    back = clients.dataverse.row(MILESTONES, ids[0], select=("msdyn_amount",))
    assert back is not None
    assert Decimal(back["msdyn_amount"]) == Decimal(amount)
    with pytest.raises(Conflict):
        clients.dataverse.create_multiple(MILESTONES, MILESTONE, rows)


@pytest.mark.usefixtures("stopped")
def test_one_refused_record_refuses_the_whole_request(clients: Clients) -> None:
    good, bad = milestone(clients, "good", Decimal("1")), milestone(clients, "x" * 101, Decimal("1"))
    with pytest.raises(Rejected, match="msdyn_name"):
        clients.dataverse.create_multiple(MILESTONES, MILESTONE, [good, bad])
    assert clients.dataverse.row(MILESTONES, good[f"{MILESTONE}id"], select=("msdyn_name",)) is None


@pytest.mark.usefixtures("stopped")
def test_an_invoice_is_made_and_confirmed_by_actions(clients: Clients) -> None:
    dataverse = clients.dataverse
    row = milestone(clients, "to invoice", Decimal("10.00"), msdyn_invoicestatus=MilestoneStatus.READY)
    (key,) = dataverse.create_multiple(MILESTONES, MILESTONE, [row])
    maps = clients.gateway.maps()
    running = [one for one in maps if one.entity_set in ("invoices", "msdyn_actuals") and one.running == "running"]
    assert set(settled(clients, clients.gateway.stop(running))) == {"completed"}
    contract = row["msdyn_contract@odata.bind"].rpartition("(")[2].rstrip(")")
    invoice = dataverse.action("salesorders", contract, "msdyn_NewInvoiceContract", {})
    assert invoice is not None
    assert dataverse.action("invoices", invoice["invoiceid"], "msdyn_PostInvoice") is None
    found = dataverse.row("invoices", invoice["invoiceid"], select=("msdyn_projectinvoicestatus",))
    assert found is not None
    assert found["msdyn_projectinvoicestatus"] == InvoiceStatus.CONFIRMED
    posted = dataverse.row(MILESTONES, key, select=("msdyn_invoicestatus",))
    assert posted is not None
    assert posted["msdyn_invoicestatus"] == MilestoneStatus.INVOICE_POSTED
    with pytest.raises(Rejected):
        dataverse.action("invoices", invoice["invoiceid"], "msdyn_PostInvoice")
    with pytest.raises((Rejected, NotFound)):
        dataverse.action("invoices", invoice["invoiceid"], "msdyn_NoSuchAction")


# Dataverse: about the environment


def test_the_environment_says_who_it_is_and_what_it_is_linked_to(company: Company, clients: Clients) -> None:
    dataverse = clients.dataverse
    organization = dataverse.organization()
    assert UUID(organization["OrganizationId"])
    assert dataverse.user()["OrganizationId"] == organization["OrganizationId"]
    linked = urlsplit(dataverse.finance_link()["url"])
    assert linked.netloc == urlsplit(company.sandbox.details["finance_url"]).netloc


def test_tables_columns_and_messages_can_be_probed(clients: Clients) -> None:
    dataverse = clients.dataverse
    assert {"msdyn_amount", "msdyn_invoicestatus", "versionnumber"} <= dataverse.columns(MILESTONE)
    assert dataverse.entity_set(MILESTONE) == MILESTONES
    assert dataverse.has_message("msdyn_PostInvoice")
    assert not dataverse.has_message("msdyn_NoSuchMessage")
    assert dataverse.has_bulk("CreateMultiple", MILESTONE)
    with pytest.raises(NotFound):
        dataverse.columns("nosuchtable")


def test_the_services_clock_and_its_hint_are_told(clients: Clients) -> None:
    assert abs(clients.dataverse.server_time() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clients.dataverse.dop


# Finance and operations


def test_rows_of_every_company_come_in_pages(company: Company, clients: Clients) -> None:
    names = {row["DataArea"] for row in clients.finance.rows("Companies", select=["DataArea"])}
    assert len(names) > 1
    rows = list(clients.finance.rows("ProjectContractLineMilestones", select=["dataAreaId", "Amount", "TransStatus"]))
    assert len(rows) == clients.finance.count("ProjectContractLineMilestones")
    assert len({row["dataAreaId"] for row in rows}) > 1
    assert all(isinstance(row["Amount"], Decimal | int) for row in rows)
    assert {row["TransStatus"] for row in rows} <= {str(one) for one in clients.finance.enum("ProjTransStatus")}


def test_rows_are_found_by_guid_and_by_member(clients: Clients) -> None:
    select = ["ContractLineMilestoneGuid", "TransStatus"]
    some = [
        row["ContractLineMilestoneGuid"] for row in clients.finance.rows("ProjectContractLineMilestones", select=select)
    ]
    found = clients.finance.rows_where_in(
        "ProjectContractLineMilestones", "ContractLineMilestoneGuid", map(UUID, some[:7]), select=select, chunk=3
    )
    assert [row["ContractLineMilestoneGuid"] for row in found] == some[:7] or len(some) < 7
    unbilled = f"TransStatus eq {enum_literal('ProjTransStatus', TransStatus.NO_STATUS)}"
    assert clients.finance.count("ProjectContractLineMilestones", unbilled) > 0


def test_actions_enums_sets_and_columns_are_told(clients: Clients) -> None:
    finance = clients.finance
    assert str(finance.action("DataManagementEntities", "GetApplicationVersion", repeatable=True)).startswith("10.")
    assert finance.enum("ProjTransStatus")[TransStatus.INVOICED] == 4
    assert {"CustTransactions", "ProjectContractLineMilestones"} <= finance.sets()
    assert finance.columns("ProjectContractLineMilestones")["transstatus"] == "TransStatus"
    with pytest.raises(NotFound):
        finance.columns("NoSuchSet")
    with pytest.raises(NotFound):
        finance.enum("NoSuchEnum")
    with pytest.raises(NotFound):
        list(finance.rows("NoSuchSet", select=["x"]))


# The gateway and the witnesses


def test_the_link_and_its_legal_entities_are_told(clients: Clients) -> None:
    connection = clients.gateway.connection()
    assert connection.cid
    assert connection.cname
    assert {finance for finance, _ in clients.gateway.legal_entities()}


def test_a_map_is_stopped_refreshed_switched_and_started(clients: Clients) -> None:
    gateway, before = clients.gateway, milestones_map(clients)
    assert before.running == "running"
    assert before.active is not None
    request = gateway.stop([before, gateway.find(INVOICES_MAP.entity_set, "Project invoice proposals V2")])
    assert settled(clients, request) == ["completed"] * 2
    assert milestones_map(clients).running == "stopped"
    gateway.refresh(gateway.project(before.pid).name)
    other = next(one for one in before.versions if one.id != before.active.id and one.publisher == "Microsoft")
    gateway.switch(before, other.id)
    assert milestones_map(clients).active == other
    gateway.switch(before, before.active.id)
    assert settled(clients, gateway.start([milestones_map(clients)])) == ["completed"]
    after = milestones_map(clients)
    assert (after.running, after.active) == ("running", before.active)
    with pytest.raises((Rejected, Conflict), match="stopped"):
        gateway.switch(after, other.id)
    assert gateway.solutions()


def test_a_running_map_has_a_row_in_dataverse_with_number_and_mapping(clients: Clients) -> None:
    before = milestones_map(clients)
    (row,) = [one for one in witness.runtime_rows(clients.dataverse) if one.pid == before.pid]
    assert before.active is not None
    assert (row.entity_set, row.entity, row.version) == (before.entity_set, before.entity, before.active.number)
    project = clients.gateway.project(before.pid)
    assert [one.essence for one in row.rows] == [one.essence for one in project.rows]
    settled(clients, clients.gateway.stop([before]))
    assert [one for one in witness.runtime_rows(clients.dataverse) if one.pid == before.pid] == []


def test_project_configurations_of_finance_hold_no_secret(company: Company, clients: Clients) -> None:
    rows = witness.finance_rows(clients.finance)
    assert rows
    assert {row.status for row in rows} <= {witness.ENABLED, witness.QUEUEING, witness.DISABLED}
    assert all(row.rows for row in rows)
    asked = [one["query"] for one in company.requests("finance", "DualWriteProjectConfigurations")]
    assert asked
    assert not any("ConnectionString" in query for query in asked)


def test_saved_versions_and_their_mappings_can_be_added_to(clients: Clients) -> None:
    active = milestones_map(clients).active
    assert active is not None
    versions = witness.saved_versions(
        clients.dataverse, author_column="msdyn_author", description_column="msdyn_description"
    )
    (mine,) = [one for one in versions if one.id == active.id]
    assert (mine.entity_set, mine.entity, mine.number) == (*MILESTONES_MAP_PAIR, active.number)
    saved = witness.saved_mapping(clients.dataverse, mine.id)
    assert saved is not None
    added = FieldMapping(
        "TRANSSTATUS", "msdyn_invoicestatus", 2, {"4": "192350001"}, next(witness.value_types(clients.dataverse))
    )
    values = {
        "msdyn_name": mine.name,
        "msdyn_version": "1.0.0.8",
        "msdyn_mapping": with_rows(saved.text, [added]),
    }
    key = clients.dataverse.create("msdyn_dualwriteentitymaps", values)
    back = witness.saved_mapping(clients.dataverse, key)
    assert back is not None
    assert back.rows == (*saved.rows, added)
    assert witness.saved_mapping(clients.dataverse, str(uuid.uuid4())) is None


def test_a_solution_makes_its_versions_available(clients: Clients) -> None:
    request = clients.gateway.restore(clients.gateway.solutions()[0])
    for _ in range(50):
        outcome = clients.gateway.restore_status(request)
        if outcome.state != "waiting":
            break
    assert outcome.state == "completed", outcome.error


def test_the_admin_api_tells_administration_mode_and_both_ends(company: Company, clients: Clients) -> None:
    assert clients.admin is not None
    state = clients.admin.environment()
    assert (state.runtime, state.background_operations) == (ADMINISTRATION_MODE, ON)
    assert state.dataverse == company.sandbox.details["dataverse_url"]


# Faults


def test_a_storm_of_429_is_waited_out(company: Company, clients: Clients) -> None:
    company.fault("status", service="dataverse", path="salesorders", status=429, retry_after=0, times=5)
    assert contracts(clients)
    assert [event.data["status"] for event in company.events] == [429] * 5


def test_a_lost_answer_after_the_commit_leaves_one_record_and_a_doubt(company: Company, clients: Clients) -> None:
    key = str(uuid.uuid4())
    company.fault("lost", service="dataverse", method="POST", path="annotations", phase="after", times=1)
    with pytest.raises(Unavailable) as caught:
        clients.dataverse.create("annotations", {"annotationid": key, "subject": "x"})
    assert caught.value.sent
    assert clients.dataverse.row("annotations", key, select=("subject",)) is not None


def test_a_truncated_page_is_read_again(company: Company, clients: Clients) -> None:
    whole = contracts(clients)
    company.fault("truncate", service="dataverse", path="salesorders", phase="after", times=1)
    assert contracts(clients) == whole


def test_a_start_that_is_dropped_is_in_doubt(company: Company, clients: Clients) -> None:
    one = milestones_map(clients)
    company.fault("lost", service="dualwrite", path="/Start", phase="after", times=1)
    with pytest.raises(Unavailable) as caught:
        clients.gateway.stop([one])
    assert caught.value.sent
    assert milestones_map(clients).requests[0].action == "4"


@pytest.mark.parametrize("service", ["dataverse", "finance", "dualwrite"])
def test_a_token_that_expires_in_mid_run_is_renewed(company: Company, clients: Clients, service: str) -> None:
    reads: dict[str, Callable[[], object]] = {
        "dataverse": lambda: clients.dataverse.user(),
        "finance": lambda: clients.finance.count("Companies"),
        "dualwrite": lambda: clients.gateway.maps(),
    }
    reads[service]()
    company.fault("expire_token", service=service, times=1)
    assert reads[service]()
