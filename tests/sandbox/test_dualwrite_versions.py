"""Versions of maps: what is on offer, how a new one comes, and what keeps one from running."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from statecfg.sandbox.dataverse import records
from statecfg.sandbox.dualwrite.seed import CUSTOM_SOLUTION, PROJECT_SOLUTION, TRIAL_SOLUTION
from statecfg.sandbox.dualwrite.solutions import add_to_solution, begin_import
from statecfg.sandbox.world import Refused
from tests.sandbox.dualwrite_world import (
    ACTUALS,
    INVOICES,
    MANAGEMENT,
    MILESTONES,
    Link,
    cutover_line,
    milestone,
    numbered,
    running_link,
)

MAP_ROWS = "msdyn_dualwriteentitymap"
PAIRS = {"4": "192350001"}


def on_offer(link: Link, tname: str = MILESTONES) -> list[tuple[str, str]]:
    return [(t["author"], numbered(t)) for t in link.map(tname)["templates"]]


def saved_row(link: Link, version: str = "1.0.0.7", author: str = "Microsoft") -> dict[str, Any]:
    rows = link.rows(MAP_ROWS, msdyn_version=version)
    return next(r for r in rows if r["msdyn_author"] == author and MILESTONES in r["msdyn_name"])


def value_map_type(link: Link) -> str:
    """The `$type` of a value map somewhere in this tenant."""
    for row in link.rows(MAP_ROWS):
        for line in json.loads(row["msdyn_mapping"])["legs"][0]["fieldMappings"]:
            for transform in line["valueTransforms"]:
                return str(transform["$type"])
    raise AssertionError("there is none")


def cutover_row(link: Link, **changes: Any) -> dict[str, Any]:
    """What a client writes to make the cutover version by a row of its own."""
    original = saved_row(link)
    task = json.loads(original["msdyn_mapping"])
    line = cutover_line(PAIRS)
    line["valueTransforms"][0]["$type"] = value_map_type(link)
    task["legs"][0]["fieldMappings"].append(line)
    return {
        "msdyn_name": f"new_[{MILESTONES}]",
        "msdyn_displayname": original["msdyn_displayname"],
        "msdyn_version": "1.0.0.8",
        "msdyn_mapping": json.dumps(task),
        "msdyn_author": "Default publisher",
        "msdyn_description": "cutover",
        **changes,
    }


def restore(link: Link, *uniquenames: str) -> dict[str, Any]:
    """Apply solution, to its end."""
    names = uniquenames or (CUSTOM_SOLUTION,)
    body = {"action": "2", "solutions": [{"criteria": {"uniquename": name}} for name in names]}
    base = f"{MANAGEMENT}/SolutionAware/{link.cid}"
    request = link.send("POST", f"{base}/RestoreTemplates", body).json()["requestId"]
    for _ in range(9):
        found = link.send("GET", f"{base}/Status/{request}").json()
        if found["state"] != "1":
            return found
    raise AssertionError("the restore never ends")


def test_several_versions_are_on_offer_and_the_highest_is_not_the_active_one(link: Link) -> None:
    assert on_offer(link) == [
        ("Microsoft", "1.0.0.5"),
        ("Microsoft", "1.0.0.6"),
        ("Microsoft", "1.0.0.7"),
        ("CDS Default Publisher", "1.0.0.7"),
        ("Default publisher", "9.9.9.9"),
    ]
    active = link.map()["template"]
    assert (active["author"], numbered(active), active["readOnly"]) == ("Microsoft", "1.0.0.7", True)
    assert numbered(link.map(INVOICES)["template"]) == "1.0.0.3"
    assert on_offer(link, INVOICES)[-1] == ("Microsoft", "1.0.0.4")
    assert numbered(link.map(ACTUALS)["template"]) == "1.0.0.19"


def test_maps_share_sets_and_no_set_alone_names_a_map(link: Link) -> None:
    sets = [m["rightEntity"]["name"] for m in link.maps()]
    assert sets.count("invoices") == sets.count("msdyn_estimatelines") == sets.count("msdyn_projectvendorinvoices") == 2
    names = [m["detail"]["tName"] for m in link.maps()]
    assert len(set(names)) == len(names)


def test_a_running_map_keeps_its_version(link: Link) -> None:
    answer = link.switch(link.version("1.0.0.6"))
    assert answer.status_code == 409
    assert "must be stopped" in answer.json()["message"]
    link.settings(gateway__switch_running_status=400)
    assert link.switch(link.version("1.0.0.6")).status_code == 400
    assert numbered(link.map()["template"]) == "1.0.0.7"


def test_a_stopped_map_takes_another_version_and_runs_on_it(link: Link) -> None:
    link.stop()
    assert link.switch(link.version("1.0.0.6")).status_code == 200
    assert (numbered(link.map()["template"]), link.map()["tid"]) == ("1.0.0.6", link.version("1.0.0.6"))
    assert link.state() == "1"
    link.start()
    assert numbered(link.map()["template"]) == "1.0.0.6"


def test_a_switch_takes_the_id_raw_quoted_or_not_at_all(link: Link) -> None:
    link.stop()
    pid, template = link.map()["pid"], link.version("1.0.0.6")
    path = f"{MANAGEMENT}/SolutionAware/{link.cid}/SwitchActive/{template}"
    for body in (template, f'"{template}"', ""):
        assert link.send("POST", f"{path}?pid={pid}", data=body).status_code == 200
    assert link.send("POST", path, data=template).status_code == 400
    assert link.send("POST", f"{path}?pid={pid}", data=link.version("1.0.0.5")).status_code == 400
    other = link.map(ACTUALS)["pid"]
    assert link.send("POST", f"{path}?pid={other}", data=template).status_code == 400
    unknown = f"{MANAGEMENT}/SolutionAware/{link.cid}/SwitchActive/{'0' * 8}-0000-4000-8000-{'0' * 12}?pid={pid}"
    assert link.send("POST", unknown).status_code == 404


def test_a_row_is_on_offer_only_after_its_solution_was_applied(link: Link) -> None:
    link.create(cutover_row(link), table=MAP_ROWS)
    assert ("Default publisher", "1.0.0.8") not in on_offer(link)
    done = restore(link)
    assert (done["state"], done["result"]["message"]) == ("2", "")
    assert ("Default publisher", "1.0.0.8") in on_offer(link)


def test_the_id_of_a_version_is_the_id_of_its_row(link: Link) -> None:
    (row,) = link.create(cutover_row(link), table=MAP_ROWS)
    restore(link)
    assert link.version("1.0.0.8", "Default publisher") == row[f"{MAP_ROWS}id"]


def test_a_row_may_have_to_be_in_the_solution(link: Link) -> None:
    link.settings(map_row__solution="required")
    (row,) = link.create(cutover_row(link), table=MAP_ROWS)
    restore(link)
    assert ("Default publisher", "1.0.0.8") not in on_offer(link)
    with link.world.transaction() as tx:
        (solution,) = tx.find("solution", uniquename=CUSTOM_SOLUTION)
        member = {"solutionid": solution["solutionid"], "objectid": row[f"{MAP_ROWS}id"], "componenttype": 10112}
        records.create(tx, "solutioncomponent", member)
    restore(link, PROJECT_SOLUTION)
    assert ("Default publisher", "1.0.0.8") not in on_offer(link)
    restore(link)
    assert ("Default publisher", "1.0.0.8") in on_offer(link)


def test_the_publisher_may_stand_elsewhere(tmp_path) -> None:
    with running_link(tmp_path, **{"map_row.author_column": "msdyn_properties"}) as link:
        assert ("Default publisher", "9.9.9.9") in on_offer(link)
        row = next(r for r in link.rows(MAP_ROWS, msdyn_version="1.0.0.7") if MILESTONES in r["msdyn_name"])
        said = json.dumps({"author": "Default publisher"})
        columns = {"1.0.0.8": {"msdyn_author": "Default publisher"}, "1.0.0.9": {"msdyn_properties": said}}
        for version, column in columns.items():
            copied = {name: row[name] for name in ("msdyn_name", "msdyn_displayname", "msdyn_mapping")}
            link.create({**copied, "msdyn_version": version, **column}, table=MAP_ROWS)
        restore(link)
        assert [a for a, n in on_offer(link) if n in ("1.0.0.8", "1.0.0.9")] == ["Unknown", "Default publisher"]


def test_the_publisher_may_be_the_solutions(tmp_path) -> None:
    with running_link(tmp_path, **{"map_row.author_column": ""}) as link:
        assert on_offer(link)[2:] == [
            ("Microsoft", "1.0.0.7"),
            ("CDS Default Publisher", "1.0.0.7"),
            ("Default publisher", "9.9.9.9"),
        ]
        assert {row["msdyn_author"] for row in link.rows(MAP_ROWS)} == {None}
        row = next(r for r in link.rows(MAP_ROWS, msdyn_version="1.0.0.7") if MILESTONES in r["msdyn_name"])
        copied = {name: row[name] for name in ("msdyn_name", "msdyn_displayname", "msdyn_mapping")}
        for version in ("1.0.0.8", "1.0.0.9"):
            (made,) = link.create({**copied, "msdyn_version": version}, table=MAP_ROWS)
        with link.world.transaction() as tx:
            body = {"ComponentId": made[f"{MAP_ROWS}id"], "SolutionUniqueName": TRIAL_SOLUTION}
            assert add_to_solution(tx, body)["id"]
        restore(link)
        restore(link, TRIAL_SOLUTION)
        assert on_offer(link)[5:] == [("Default publisher", "1.0.0.8"), ("CDS Default Publisher", "1.0.0.9")]


BAD_ROWS = [
    ({"msdyn_name": "no map at all"}, "not named after a map"),
    ({"msdyn_version": "1.0.8"}, "no four-part version"),
    ({"msdyn_mapping": "{"}, "no JSON"),
    ({"msdyn_mapping": '{"legs":[]}'}, "exactly one leg"),
    ({"msdyn_name": f"new_[{ACTUALS}]"}, "maps another pair"),
]


@pytest.mark.parametrize(("changes", "words"), BAD_ROWS)
def test_a_row_that_cannot_be_read_fails_the_request_and_says_why(link: Link, changes, words) -> None:
    link.create(cutover_row(link, **changes), table=MAP_ROWS)
    before = on_offer(link)
    done = restore(link)
    assert done["state"] == "3"
    assert words in done["result"]["message"]
    assert on_offer(link) == before


def test_a_mapping_may_be_encoded_twice(link: Link) -> None:
    row = cutover_row(link)
    link.create({**row, "msdyn_mapping": json.dumps(row["msdyn_mapping"])}, table=MAP_ROWS)
    restore(link)
    assert ("Default publisher", "1.0.0.8") in on_offer(link)


def test_an_unknown_solution_fails_and_several_at_once_leave_duplicates(link: Link) -> None:
    assert restore(link, "NoSuchSolution")["state"] == "3"
    assert restore(link, CUSTOM_SOLUTION, PROJECT_SOLUTION)["state"] == "2"
    assert on_offer(link).count(("Default publisher", "9.9.9.9")) == 2
    ids = [t["id"] for t in link.map()["templates"]]
    assert len(set(ids)) == len(ids)


def test_save_as_gives_the_active_version_and_the_added_line_and_nothing_else(link: Link) -> None:
    link.stop()
    before = link.get(f"/{link.map()['pid']}/FieldMappings")["entityMappingTasks"][0]["legs"][0]["fieldMappings"]
    template = link.save_as()
    assert link.map()["template"]["id"] == template
    assert link.map()["template"]["readOnly"] is False
    after = link.get(f"/{link.map()['pid']}/FieldMappings")["entityMappingTasks"][0]["legs"][0]["fieldMappings"]
    assert after[:-1] == before
    assert after[-1]["valueTransforms"][0]["$type"] == value_map_type(link)
    assert after[-1]["valueTransforms"][0]["valueMap"] == PAIRS
    again = {"map": "milestones", "version": "1.0.0.8", "mappings": []}
    assert link.control("POST", "save-as", again).status_code == 409


def test_save_as_leaves_the_active_version_of_a_running_map(link: Link) -> None:
    template = link.save_as()
    assert numbered(link.map()["template"]) == "1.0.0.7"
    assert link.version("1.0.0.8", "Default publisher") == template


def test_a_new_field_needs_the_target_mapping_and_then_a_refresh(tmp_path) -> None:
    with running_link(tmp_path, **{"target_mapping.generated": False}) as link:
        link.stop()
        link.save_as()
        words = "Project validation failed [DIPV1022] Missing source field TRANSSTATUS in the schema."
        assert link.start_error() == words
        link.refresh()
        assert "DIPV1022" in link.start_error()
        assert link.control("POST", "generate-mapping", {}).json() == {"added": 1}
        assert "DIPV1022" in link.start_error()
        link.refresh()
        link.start()
        (row,) = link.create(milestone())
        assert link.in_finance(row)["TransStatus"] == "Invoiced"


def test_a_cached_schema_changes_only_by_refresh(link: Link) -> None:
    def cached() -> set[str]:
        project = link.get(f"/{link.map()['pid']}/FieldMappings")
        finance = next(each for each in project["environments"] if each["targetType"] == "AX")
        return {schema_field["name"] for schema_field in finance["schemas"][0]["fields"]}

    assert "TRANSSTATUS" not in cached()
    assert link.refresh().status_code == 200
    assert "TRANSSTATUS" in cached()


def test_a_version_may_be_checked_when_it_is_chosen(link: Link) -> None:
    link.stop()
    template = link.save_as(activate=False)
    link.settings(gateway__switch_validates=True)
    answer = link.switch(template)
    assert answer.status_code == 400
    assert "DIPV1022" in answer.json()["message"]


def test_a_filter_that_cannot_be_parsed_is_refused(link: Link) -> None:
    row = cutover_row(link)
    task = json.loads(row["msdyn_mapping"])
    task["legs"][0]["reversedSourceFilter"] = "msdyn_amount above 3"
    (stored,) = link.create({**row, "msdyn_mapping": json.dumps(task)}, table=MAP_ROWS)
    restore(link)
    link.stop()
    link.refresh()
    link.switch(stored[f"{MAP_ROWS}id"])
    assert "[DIPV1012]" in link.start_error()


def test_an_invented_type_of_value_map_does_not_run(link: Link) -> None:
    row = cutover_row(link)
    invented = row["msdyn_mapping"].replace(value_map_type(link), "Microsoft.Dynamics.Integrator.ValueMap")
    (stored,) = link.create({**row, "msdyn_mapping": invented}, table=MAP_ROWS)
    restore(link)
    link.stop()
    link.refresh()
    link.switch(stored[f"{MAP_ROWS}id"])
    assert "Could not load type" in link.start_error()
    link.settings(valuemap__type_check=False)
    link.start()


def test_a_tenant_may_have_no_value_map_to_copy_from(tmp_path) -> None:
    with running_link(tmp_path, **{"maps.value_maps": False}) as link:
        assert not any("ValueMap" in row["msdyn_mapping"] for row in link.rows(MAP_ROWS))
        assert len(link.rows(MAP_ROWS)) > 30


def test_a_solution_of_a_development_environment_brings_a_version(link: Link) -> None:
    body = {"map": "milestones", "version": "1.0.0.8", "mappings": [cutover_line(PAIRS)], "uniquename": "Cutover"}
    exported = link.control("POST", "solution", body).json()
    assert base64.b64decode(exported["file"]).startswith(b"PK")
    with link.world.transaction() as tx:
        job = begin_import(tx, {"CustomizationFile": exported["file"], "ImportJobId": "x"})["AsyncOperationId"]
    for expected in ((2, 20), (3, 30)):
        link.world.hooks.before_request("dataverse", "GET", f"/api/data/v9.2/asyncoperations({job})")
        (row,) = link.rows("asyncoperation", asyncoperationid=job)
        assert (row["statecode"], row["statuscode"]) == expected
    assert ("Default publisher", "1.0.0.8") not in on_offer(link)
    link.settings(map_row__solution="required")
    assert restore(link, "Cutover")["state"] == "2"
    link.stop()
    link.refresh()
    link.switch(link.version("1.0.0.8", "Default publisher"))
    link.start()
    (made,) = link.create(milestone())
    assert link.in_finance(made)["TransStatus"] == "Invoiced"


@pytest.mark.parametrize("file", ["", "!!", base64.b64encode(b"PK\x03\x04 rubbish").decode()])
def test_a_file_that_is_no_solution_is_refused(link: Link, file: str) -> None:
    with pytest.raises(Refused, match="Solution file is not valid"), link.world.transaction() as tx:
        begin_import(tx, {"CustomizationFile": file})


def test_the_same_solution_twice_writes_over_its_version(link: Link) -> None:
    body = {"map": "milestones", "version": "1.0.0.8", "mappings": [cutover_line(PAIRS)], "uniquename": "Cutover"}
    file = link.control("POST", "solution", body).json()["file"]
    for _ in range(2):
        with link.world.transaction() as tx:
            begin_import(tx, {"CustomizationFile": file})
        for _ in range(2):
            link.world.hooks.before_request("dataverse", "GET", "/api/data/v9.2/asyncoperations")
        restore(link, "Cutover")
    assert on_offer(link).count(("Default publisher", "1.0.0.8")) == 1


def test_two_maps_may_have_the_same_name(tmp_path) -> None:
    with running_link(tmp_path, **{"maps.duplicate_name": True}) as link:
        same = [m["detail"] for m in link.maps() if m["detail"]["tName"] == MILESTONES]
        assert len(same) == 2
        assert len({each["pid"] for each in same}) == 2


def test_another_version_may_be_active_and_maps_stopped_as_seeded(tmp_path) -> None:
    settings = {"maps.active": {"milestones": "Microsoft 1.0.0.6"}, "maps.stopped": ["invoices"]}
    with running_link(tmp_path, **settings) as link:
        assert numbered(link.map()["template"]) == "1.0.0.6"
        assert (link.state(MILESTONES), link.state(INVOICES)) == ("4", "6")
