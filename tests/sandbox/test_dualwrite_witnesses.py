"""The three witnesses of a map: rows by direction, each with its own delay, each able to lie."""

from __future__ import annotations

import json

import pytest

from tests.sandbox.dualwrite_world import (
    ACTUALS,
    CONFIGURATIONS,
    INVOICES,
    MILESTONES,
    PAUSE,
    RESUME,
    RUNTIME_ROWS,
    START,
    SYNC,
    Link,
    milestone,
    running_link,
)

SECRETS = ("ServiceBusConnectionString", "StorageAccountSASConnectionString")


def runtime(link: Link, tname: str = MILESTONES):
    found = link.witness(RUNTIME_ROWS, tname)
    assert len(found) <= 1
    return json.loads(found[0]["msdyn_unsecure"]) if found else None


def configuration(link: Link, tname: str = ACTUALS):
    found = link.witness(CONFIGURATIONS, tname)
    assert len(found) <= 1
    return found[0] if found else None


def fields(mappings) -> set[str]:
    return {line["sourceField"] for line in mappings}


def test_rows_exist_by_direction_and_only_while_a_map_runs(link: Link) -> None:
    assert runtime(link, MILESTONES)
    assert runtime(link, INVOICES)
    assert runtime(link, ACTUALS)
    assert configuration(link, MILESTONES) is None
    assert configuration(link, INVOICES) is None
    assert configuration(link, ACTUALS)["Status"] == "Enabled"
    link.stop(MILESTONES, ACTUALS, INVOICES)
    assert [runtime(link, name) for name in (MILESTONES, ACTUALS, INVOICES)] == [None, None, None]
    assert configuration(link, ACTUALS) is None


def test_the_runtime_row_names_the_version_and_the_lines_that_run(link: Link) -> None:
    row = runtime(link)
    assert row["EntityMapVersion"] == {"Major": 1, "Minor": 0, "Build": 0, "Revision": 7}
    assert (row["SourceEntityName"], row["ProjectId"]) == (MILESTONES.partition(" - ")[0], link.map()["pid"])
    assert (row["SourceEnvironmentType"], row["DestinationEnvironmentType"]) == (1, 3)
    assert "TRANSSTATUS" not in fields(row["FieldMappings"])
    link.run_cutover_version()
    row = runtime(link)
    assert row["EntityMapVersion"]["Revision"] == 8
    assert "TRANSSTATUS" in fields(row["FieldMappings"])


def test_the_field_map_in_finance_is_what_was_deployed(link: Link) -> None:
    deployed = {line["sourceField"] for line in json.loads(configuration(link)["FieldMap"])}
    assert {"VOUCHERNUMBER", "ACTUALID"} <= deployed
    assert configuration(link)["AsyncMode"] == "RequiredSync"


def test_a_pause_shows_as_queueing_in_finance(link: Link) -> None:
    link.do(PAUSE, ACTUALS)
    assert configuration(link)["Status"] == "Queueing"
    assert runtime(link, ACTUALS)
    link.do(RESUME, ACTUALS)
    assert link.state(ACTUALS) == "4"
    assert configuration(link)["Status"] == "Enabled"


def test_initial_sync_has_no_rows_yet(link: Link) -> None:
    link.stop(ACTUALS)
    link.settings(gateway__initial_sync_reads=9)
    link.do(START, ACTUALS, parameters=SYNC)
    assert link.state(ACTUALS) == "2"
    assert (runtime(link, ACTUALS), configuration(link)) == (None, None)


def test_secrets_stand_in_the_two_columns_that_nobody_may_read(link: Link) -> None:
    row = configuration(link)
    assert all(len(row[name]) > 40 for name in SECRETS)
    assert row[SECRETS[0]] != row[SECRETS[1]]


def test_an_integration_job_shows_its_mode_whatever_the_direction(link: Link) -> None:
    link.stop(INVOICES)
    link.settings(async__maps=["invoices"])
    link.start(INVOICES)
    assert configuration(link, INVOICES)["AsyncMode"] == "RequiredAsync"
    link.stop(INVOICES)
    assert configuration(link, INVOICES) is None
    link.settings(async__shows_mode=False)
    link.start(INVOICES)
    assert configuration(link, INVOICES) is None


@pytest.mark.parametrize("witness", ["gateway", "dataverse", "finance"])
def test_each_witness_lags_alone_by_reads(link: Link, witness: str) -> None:
    link.settings(**{f"witness.{witness}.lag_reads": 2})
    link.stop(ACTUALS)
    says = {
        "gateway": lambda: link.state(ACTUALS) == "4",
        "dataverse": lambda: runtime(link, ACTUALS) is not None,
        "finance": lambda: configuration(link) is not None,
    }
    # Polling the stop has read the gateway's list once already.
    reads = 1 if witness == "gateway" else 2
    assert [says[witness]() for _ in range(reads + 2)] == [True] * reads + [False, False]
    assert not any(says[other]() for other in says)


@pytest.mark.parametrize("witness", ["dataverse", "finance"])
def test_a_witness_may_lag_by_seconds(link: Link, witness: str) -> None:
    link.settings(**{f"witness.{witness}.lag_s": 60})
    link.stop(ACTUALS)
    seen = runtime(link, ACTUALS) if witness == "dataverse" else configuration(link)
    assert seen
    link.settings(clock__offset_s=61)
    assert (runtime(link, ACTUALS), configuration(link)) == (None, None)


def test_what_a_witness_is_told_late_it_is_told_in_order(link: Link) -> None:
    link.settings(**{"witness.dataverse.lag_reads": 1})
    link.stop(ACTUALS)
    link.start(ACTUALS)
    seen = [runtime(link, ACTUALS) is not None for _ in range(4)]
    assert seen[-1]


def test_what_a_witness_says_changes_nothing_that_runs(link: Link) -> None:
    for witness in ("gateway", "dataverse", "finance"):
        link.control("POST", "witness", {"witness": witness, "map": "milestones", "says": "stopped"})
    assert (link.state(), runtime(link)) == ("1", None)
    (row,) = link.create(milestone())
    assert link.in_finance(row)


LIES = [("gateway", "running"), ("dataverse", "running"), ("gateway", "paused"), ("finance", "paused")]


@pytest.mark.parametrize(("witness", "says"), LIES)
def test_each_witness_can_lie_alone_and_be_brought_back_to_the_truth(link: Link, witness: str, says: str) -> None:
    link.stop(ACTUALS)
    link.control("POST", "witness", {"witness": witness, "map": "actuals", "says": says})
    heard = {
        "gateway": link.state(ACTUALS) != "1",
        "dataverse": runtime(link, ACTUALS) is not None,
        "finance": configuration(link) is not None,
    }
    assert heard == {name: name == witness for name in heard}
    link.control("POST", "witness", {"witness": witness, "map": "actuals", "says": "truth"})
    assert (link.state(ACTUALS), runtime(link, ACTUALS), configuration(link)) == ("1", None, None)


@pytest.mark.parametrize("witness", ["gateway", "dataverse"])
def test_a_witness_can_lie_about_the_version(link: Link, witness: str) -> None:
    lie = {"witness": witness, "map": "milestones", "says": "running", "version": "9.9.9.9"}
    link.control("POST", "witness", lie)
    active = link.map()["template"]["version"]["major"]
    deployed = runtime(link)["EntityMapVersion"]["Major"]
    assert {"gateway": active, "dataverse": deployed}[witness] == 9
    assert {"gateway": deployed, "dataverse": active}[witness] == 1


def test_a_lie_may_also_be_a_setting(link: Link) -> None:
    link.settings(witness__lies={"dataverse": {"milestones": {"says": "stopped"}}})
    assert runtime(link) is None
    link.settings(witness__lies={})
    assert runtime(link)


def test_unsecure_may_be_encoded_twice(link: Link) -> None:
    link.stop()
    link.settings(witness__double_encoded=True)
    link.start()
    with link.world.reading() as tx:
        project = tx.get("dw.maps", "milestones")["project"]
        (row,) = tx.find(RUNTIME_ROWS, msdyn_name=project)
    assert isinstance(json.loads(row["msdyn_unsecure"]), str)


def test_an_alert_pauses_a_map_that_nobody_touched(link: Link) -> None:
    link.control("POST", "alert-pause", {"map": "actuals"})
    assert link.state(ACTUALS) == "5"
    assert configuration(link)["Status"] == "Queueing"
    assert link.map(ACTUALS)["lastRequest"] is None


@pytest.mark.parametrize(("direction", "finance_says"), [("one_way", False), ("writeback", True), ("two_way", True)])
def test_the_milestone_map_speaks_in_finance_only_if_it_carries_that_way(tmp_path, direction, finance_says) -> None:
    with running_link(tmp_path, **{"maps.milestone_direction": direction}) as link:
        assert (configuration(link, MILESTONES) is not None) is finance_says
        assert runtime(link)
        link.stop()
        link.start()
        assert (configuration(link, MILESTONES) is not None) is finance_says


def test_the_overview_tells_what_each_witness_is_found_to_say(link: Link) -> None:
    def found() -> dict[str, dict[str, str]]:
        return {each["name"]: each["witnesses"] for each in link.control("GET", "maps").json()}

    assert found()["milestones"] == {"gateway": "4", "dataverse": "4", "finance": "no row"}
    assert found()["actuals"] == {"gateway": "4", "dataverse": "4", "finance": "4"}
    link.stop()
    assert found()["milestones"] == {"gateway": "1", "dataverse": "no row", "finance": "no row"}


def test_finance_shows_the_companies_in_scope_of_a_map_that_it_has_a_row_of(link: Link) -> None:
    (row,) = link.witness(CONFIGURATIONS, ACTUALS)

    def companies() -> list[tuple[str, str]]:
        found = link.rows("fo.DualWriteProjectPartitionMappings", ProjectName=row["ProjectName"])
        return [(each["ExternalCompanyName"], each["InternalCompanyName"]) for each in found]

    assert companies() == [("usmf", "USMF")]
    link.stop(ACTUALS)
    assert companies() == []
