"""A sandbox as a whole: what it writes, what it serves, how it is found again and ended."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from statecfg.sandbox import process
from statecfg.sandbox.seeding.addresses import SERVICES
from statecfg.sandbox.seeding.legacy import Unreadable
from statecfg.sandbox.server import PortTaken, Sandbox, bound
from statecfg.sandbox.settings import UnknownSetting
from statecfg.sandbox.talk import Control, NoAnswer, Unwilling
from statecfg.sandbox.wanted import Shape, Wanted, arguments, shape_from, shape_values, wanted_from

SMALL = {"contracts": 3, "milestones": 30}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), **SMALL) as started:
        yield started


def rows(sandbox: Sandbox, table: str, **equals: Any) -> list[dict[str, Any]]:
    with sandbox.world.reading() as tx:
        return tx.find(table, **equals) if equals else list(tx.select(table))


def host_vars(sandbox: Sandbox) -> Any:
    text = (sandbox.directory / "inventory" / "host_vars" / "sandbox.yml").read_text("utf-8")
    return YAML(typ="safe", pure=True).load(text)


def test_the_details_name_every_address_and_all_that_signing_in_needs(sandbox: Sandbox) -> None:
    wanted = {
        "dataverse_url", "finance_url", "dualwrite_url", "admin_url", "environment_id", "authority", "tenant_id",
        "client_id", "client_secret", "refresh_token", "ca_file", "pid",
    }  # fmt: skip
    written = json.loads((sandbox.directory / "sandbox.json").read_text("utf-8"))
    assert wanted <= set(written)
    assert written == sandbox.details
    assert written["dataverse_url"] == sandbox.url("dataverse")
    assert Path(written["ca_file"]).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are of POSIX")
def test_files_with_secrets_are_their_owners_only(sandbox: Sandbox) -> None:
    secret = ("sandbox.json", "secrets/client_secret", "secrets/refresh_token", "ca.key")
    assert {stat.S_IMODE((sandbox.directory / name).stat().st_mode) for name in secret} == {0o600}


def test_every_listener_offers_the_control_path(sandbox: Sandbox) -> None:
    for service in SERVICES:
        control = Control(sandbox.url(service), sandbox.details["ca_file"])
        assert control.get("process") == {"pid": sandbox.details["pid"], "dir": str(sandbox.directory)}


def test_the_inventory_says_where_how_and_what(sandbox: Sandbox) -> None:
    said = host_vars(sandbox)
    assert said["dataverse"] == sandbox.url("dataverse")
    assert said["legal_entities"] == ["usmf", "demf", "gbsi"]
    assert said["control"]["count"] == SMALL["milestones"]
    assert Path(said["milestone_file"]).is_file()
    secret = Path(said["auth"]["dataverse"]["client_secret"]["file"])
    assert secret.read_text("utf-8") == sandbox.details["client_secret"]


def test_the_originals_in_the_inventory_are_what_the_gateway_says_although_a_higher_version_exists(
    sandbox: Sandbox,
) -> None:
    said = host_vars(sandbox)["maps"]
    maps = {each["name"]: each for each in sandbox.kernel.control.call("maps", "GET")}
    for name in ("milestones", "actuals", "invoices"):
        original = said[name]["original"]
        assert maps[name]["active"] == f"{original['publisher']} {original['number']}"
        assert original["running"] == "running"
    versions = [row["version"] for row in rows(sandbox, "dw.templates", map="milestones")]
    assert "9.9.9.9" in versions
    assert max(versions) > said["milestones"]["original"]["number"]


def test_no_seeded_milestone_is_ready_and_hand_made_ones_are_unknown_to_finance(sandbox: Sandbox) -> None:
    milestones = rows(sandbox, "msdyn_contractlinescheduleofvalue")
    assert {row["msdyn_invoicestatus"] for row in milestones} == {192350000, 192350002, 192350003}
    in_finance = {row["ContractLineMilestoneGuid"] for row in rows(sandbox, "fo.ProjectContractLineMilestones")}
    unknown = [row for row in milestones if row["msdyn_contractlinescheduleofvalueid"] not in in_finance]
    assert len(unknown) == sandbox.details["world"]["by_hand"] > 0
    assert {row["msdyn_invoicestatus"] for row in unknown} == {192350000}


def test_staging_and_proposals_are_empty_and_import_and_posting_are_on_hold(sandbox: Sandbox) -> None:
    assert rows(sandbox, "fo.ProjActualsImports") == []
    assert rows(sandbox, "fo.private.proposals") == []
    jobs = {(job["JobDescription"], job["Status"]) for job in rows(sandbox, "fo.BatchJobs")}
    assert {("Import from staging table", "Hold"), ("Post invoice proposals", "Hold")} <= jobs


def test_ready_time_entries_are_on_contracts_outside_the_file_only(sandbox: Sandbox) -> None:
    ready = rows(sandbox, "msdyn_actual", msdyn_billingstatus=192350004)
    names = {row["salesorderid"]: row["ordernumber"] for row in rows(sandbox, "salesorder")}
    contracts = {names[row["msdyn_salescontract"]] for row in ready}
    text = (sandbox.directory / "data" / "milestones.csv").read_text("utf-8")
    assert contracts
    assert not [number for number in contracts if number in text]


def test_other_peoples_invoices_are_drafts_or_posted_through_to_ar_and_gl(sandbox: Sandbox) -> None:
    invoices = rows(sandbox, "invoice")
    posted = {row["invoicenumber"] for row in invoices if row["msdyn_projectinvoicestatus"] == 192350002}
    assert posted
    assert any(row["msdyn_projectinvoicestatus"] == 192350000 for row in invoices)
    documents = {row["ProjInvoiceId"] for row in rows(sandbox, "fo.DocumentProjectInvoiceBases")}
    assert documents == posted
    assert posted <= {row["Invoice"] for row in rows(sandbox, "fo.CustTransactions")}
    assert all(row["msdyn_vouchernumber"] for row in rows(sandbox, "msdyn_actual", msdyn_billingstatus=192350002))


def test_the_ledger_balances_in_every_legal_entity(sandbox: Sandbox) -> None:
    for books in sandbox.kernel.control.call("ledger", "GET").values():
        assert books["gl"]["count"] > 0
        assert books["gl"]["debit"] == -books["gl"]["credit"]


def test_contract_lines_have_dimensions_in_finance(sandbox: Sandbox) -> None:
    lines = rows(sandbox, "fo.ProjectContractLines")
    assert len(lines) == len(rows(sandbox, "salesorderdetail"))
    assert all(row["DefaultLedgerDimensionDisplayValue"] for row in lines)


def test_the_same_seed_gives_the_same_records(sandbox: Sandbox, tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, **SMALL) as again:
        for table in ("salesorder", "salesorderdetail", "msdyn_contractlinescheduleofvalue", "invoice", "msdyn_actual"):
            key = f"{table}id"
            assert [row[key] for row in rows(again, table)] == [row[key] for row in rows(sandbox, table)]


def test_painted_milestones_are_what_the_rules_would_have_made(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, contracts=1, milestones=1, existing=60) as large:
        milestones = rows(large, "fo.ProjectContractLineMilestones")
        painted = [row for row in milestones if row["Description"].startswith("Instalment")]
        assert len(painted) == 60
        for column in ("ContractLineMilestoneIdentifier", "TransactionId", "ContractLineMilestoneGuid", "RecId"):
            assert len({(row["dataAreaId"], row[column]) for row in milestones}) == len(milestones)
        ours = {
            row["msdyn_contractlinescheduleofvalueid"]: row for row in rows(large, "msdyn_contractlinescheduleofvalue")
        }
        for row in painted:
            twin = ours[row["ContractLineMilestoneGuid"]]
            assert (row["Description"], row["Amount"]) == (twin["msdyn_name"], twin["msdyn_amount"])
            assert row["TransactionDate"][:10] == twin["msdyn_milestonedate"] == twin["msdyn_invoicedate"][:10]
            assert twin["msdyn_amount_after_tax"] == twin["msdyn_amount"] + twin["msdyn_tax"]
        large.kernel.control.call("business-day", "POST", {"milestones": 3, "invoices": 0, "payments": 0})
        assert len(rows(large, "fo.ProjectContractLineMilestones")) == len(milestones) + 3


def test_settings_are_turned_before_the_world_is_made(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, **SMALL, **{"maps.stopped": ["invoices"]}) as turned:
        assert host_vars(turned)["maps"]["invoices"]["original"]["running"] == "stopped"


def test_an_unknown_setting_is_refused_and_the_ports_are_free_again(tmp_path: Path) -> None:
    opened = bound(0)
    port = opened["entra"].getsockname()[1]
    for each in opened.values():
        each.close()
    with pytest.raises(UnknownSetting, match=r"no\.such\.knob"):
        Sandbox.start(tmp_path, port=port, **SMALL, **{"no.such.knob": 1})
    for each in bound(port).values():
        each.close()


def test_a_taken_port_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    taken = int(sandbox.url("finance").rpartition(":")[2])
    with pytest.raises(PortTaken, match=f"ports {taken - 2} to {taken + 2}"):
        Sandbox.start(tmp_path, port=taken - 2, **SMALL)


def test_a_running_sandbox_can_be_given_another_world(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, **SMALL) as started:
        control = Control.of(started.details)
        control.send("PATCH", "settings", {"valuemap.missing": "skip"})
        before = dict(started.details)
        told = control.send("POST", "seed", shape_values(Shape(contracts=2, milestones=9, seed=8)))
        assert told["world"]["milestones"] == 9
        assert {name: told[name] for name in before if name != "world"} == {
            name: value for name, value in before.items() if name != "world"
        }
        assert control.get("settings")["valuemap.missing"] == "error"
        assert host_vars(started)["control"]["count"] == 9
        with pytest.raises(Unwilling, match="no such"):
            control.send("POST", "seed", {"such": 1})
        with pytest.raises(Unwilling, match="no setting"):
            control.send("POST", "seed", {"settings": {"no.such.knob": 1}})


def test_a_kept_world_is_gone_on_with(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, **SMALL, keep=True) as first:
        first.kernel.control.call("business-day", "POST", {"milestones": 1, "invoices": 0, "payments": 0})
        before = rows(first, "msdyn_contractlinescheduleofvalue")
        said = host_vars(first)["maps"]
    with Sandbox.start(tmp_path, contracts=9, milestones=9, seed=99, keep=True) as second:
        assert rows(second, "msdyn_contractlinescheduleofvalue") == before
        assert host_vars(second)["maps"] == said
        assert second.details["client_secret"] == first.details["client_secret"]
        second.kernel.control.call("business-day", "POST", {"milestones": 1, "invoices": 1, "payments": 0})


def test_the_world_of_an_export_is_served(tmp_path: Path) -> None:
    export = tmp_path / "legacy.csv"
    rows_ = (
        "C-1,1,Start,10.50,EUR,2022-01-31,yes",
        "C-1,1,Start,10.50,EUR,2022-02-28,yes",
        "C-2,1,Open,5,EUR,2022-01-31,no",
    )
    export.write_text("\n".join(("contract,line,name,amount,currency,date,invoiced", *rows_)), encoding="utf-8")
    with Sandbox.start(tmp_path / "dir", from_file=export) as started:
        assert started.details["world"] | {"seed": 0} == {
            "contracts": 1, "milestones": 2, "by_hand": 0, "unusable": 1, "seed": 0,
        }  # fmt: skip
        assert "not invoiced: no" in (tmp_path / "dir" / "data" / "unusable.csv").read_text("utf-8")
        assert host_vars(started)["vars"]["milestone_key"] == ["contract", "line", "name", "date"]
        (contract,) = rows(started, "salesorder", ordernumber="C-1")
        (line,) = rows(started, "salesorderdetail", salesorderid=contract["salesorderid"])
        assert str(line["baseamount"]) == "21.0000"


def test_an_export_that_no_world_can_be_made_of_is_refused(tmp_path: Path) -> None:
    export = tmp_path / "legacy.csv"
    export.write_text("contract,line,name,amount,currency,date\n", encoding="utf-8")
    with pytest.raises(Unreadable, match="no row"):
        Sandbox.start(tmp_path / "dir", from_file=export)


def test_arguments_say_the_same_as_the_value(tmp_path: Path) -> None:
    shape = Shape(2, 9, 5, tmp_path / "a.csv", tmp_path / "b.yml", 3, {"valuemap.missing": "skip"})
    wanted = Wanted(tmp_path, 0, True, shape)
    assert wanted_from(arguments(wanted)) == wanted
    with pytest.raises(ValueError, match="whole number"):
        shape_from({"contracts": "many"})


def test_a_process_of_its_own_is_found_and_ended(tmp_path: Path) -> None:
    started = process.start_detached(tmp_path, arguments(Wanted(tmp_path, 0, shape=Shape(2, 9))))
    try:
        assert process.running(tmp_path) is not None
        assert started.details["pid"] == started.pid
    finally:
        process.end(started)
    assert process.running(tmp_path) is None
    assert not (tmp_path / "sandbox.json").exists()
    with pytest.raises(NoAnswer):
        started.control.get("process")


def test_a_process_that_cannot_start_says_why(sandbox: Sandbox, tmp_path: Path) -> None:
    port = int(sandbox.url("entra").rpartition(":")[2])
    with pytest.raises(process.NotStarted, match="can't all be listened on"):
        process.start_detached(tmp_path, arguments(Wanted(tmp_path, port, shape=Shape(2, 9))))


def test_a_sandbox_that_is_not_the_one_of_the_details_is_not_taken_for_it(sandbox: Sandbox, tmp_path: Path) -> None:
    stranger = sandbox.details | {"pid": 1}
    (tmp_path / "sandbox.json").write_text(json.dumps(stranger), encoding="utf-8")
    assert process.running(tmp_path) is None
    assert replace(Shape(), seed=1) != Shape()


DEPARTURES: tuple[tuple[dict[str, Any], str, dict[str, Any], int], ...] = (
    ({"seed.jobs": "Waiting"}, "fo.BatchJobs", {"Status": "Waiting", "JobDescription": "Post invoice proposals"}, 3),
    ({"seed.invoice_run": True}, "msdyn_batchjob", {"msdyn_isactive": True}, 1),
    ({"seed.ready_outside": 2}, "msdyn_contractlinescheduleofvalue", {"msdyn_invoicestatus": 192350001}, 2),
    ({"seed.empty_dimensions": 2}, "fo.ProjectContractLines", {"DefaultLedgerDimensionDisplayValue": ""}, 2),
    ({"seed.two_customers": 2}, "msdyn_projectcontractsplitbillingrule", {"msdyn_allocationpercentage": 40}, 2),
    ({"seed.unnamed_entity": True}, "cdm_company", {"cdm_companycode": "frrt"}, 1),
    ({"seed.history": "imported"}, "fo.private.proposals", {"Status": "Ready"}, 8),
    ({"seed.history": "staged"}, "fo.private.proposals", {"Status": "Header"}, 8),
)


@pytest.mark.parametrize(("settings", "table", "equals", "count"), DEPARTURES)
def test_a_departure_puts_something_in_the_cutovers_way(
    tmp_path: Path, sandbox: Sandbox, settings: dict[str, Any], table: str, equals: dict[str, Any], count: int
) -> None:
    assert rows(sandbox, table, **equals) == []
    with Sandbox.start(tmp_path, **SMALL, **settings) as turned:
        assert len(rows(turned, table, **equals)) == count
        assert host_vars(turned)["legal_entities"] == ["usmf", "demf", "gbsi"]


def test_hours_can_be_ready_on_a_contract_of_the_file(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, contracts=12, milestones=60, **{"seed.ready_time_inside": 1}) as turned:
        names = {row["salesorderid"]: row["ordernumber"] for row in rows(turned, "salesorder")}
        ready = [
            names[row["msdyn_salescontract"]] for row in rows(turned, "msdyn_actual", msdyn_billingstatus=192350004)
        ]
        text = (tmp_path / "data" / "milestones.csv").read_text("utf-8")
        assert len([number for number in ready if number in text]) == 1


def test_milestones_can_have_been_made_by_hand_while_the_map_ran(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, **SMALL, **{"seed.by_hand_in_finance": True}) as turned:
        assert len(rows(turned, "fo.ProjectContractLineMilestones")) == len(
            rows(turned, "msdyn_contractlinescheduleofvalue")
        )


def test_habits_that_are_turned_hold_from_now_on_and_not_in_the_worlds_history(tmp_path: Path) -> None:
    turned = {
        "async.maps": ["actuals", "invoices"],
        "maps.stopped": ["milestones"],
        "finance.proposal_numbers_manual": False,
        "gateway.unlinked_companies": ["demf"],
        "projops.second_draft": "refuse",
    }
    with Sandbox.start(tmp_path, **SMALL, existing=20, **turned) as started:
        shown = started.kernel.control.call("settings", "GET")
        assert {name: shown[name] for name in turned} == turned
        maps = {each["name"]: each for each in started.kernel.control.call("maps", "GET")}
        assert (maps["milestones"]["runs"], maps["actuals"]["backlog"]) == (None, 0)
        assert maps["milestones"]["witnesses"]["dataverse"] == "no row"
        assert {row["TransStatus"] for row in rows(started, "fo.ProjectContractLineMilestones")} == {
            "NoStatus",
            "Invoiced",
        }
