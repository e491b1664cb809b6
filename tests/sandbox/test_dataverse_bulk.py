"""Many records at once: the Multiple messages, and `$batch` as different clients write it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from requests import Response

from tests.sandbox.dataverse_place import MILESTONE_ID, MILESTONES, Place

TYPE = "Microsoft.Dynamics.CRM.account"
NOBODY = "00000000-0000-4000-8000-00000000dead"


def multiple(
    dataverse: Place, message: str, targets: Sequence[dict[str, Any]], entity_set: str = "accounts"
) -> Response:
    typed = [{"@odata.type": TYPE, **target} for target in targets]
    return dataverse.send("POST", f"{entity_set}/Microsoft.Dynamics.CRM.{message}", {"Targets": typed})


def names(dataverse: Place) -> set[str]:
    return {row["name"] for row in dataverse.values("accounts?$select=name")}


def test_created_ids_come_in_the_order_of_the_targets(dataverse: Place) -> None:
    chosen = str(uuid.uuid4())
    answer = multiple(dataverse, "CreateMultiple", [{"name": "A"}, {"name": "B", "accountid": chosen}])
    assert answer.json()["@odata.context"].endswith("#Microsoft.Dynamics.CRM.CreateMultipleResponse")
    ids = answer.json()["Ids"]
    assert ids[1] == chosen
    assert [dataverse.get(f"accounts({key})")["name"] for key in ids] == ["A", "B"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"nobody": 1},
        {"accountnumber": "F-1"},
        {"name": "x" * 161},
        {"primarycontactid@odata.bind": f"/contacts({NOBODY})"},
    ],
)
def test_one_wrong_record_undoes_all_and_is_not_named(dataverse: Place, wrong: dict[str, Any]) -> None:
    answer = multiple(dataverse, "CreateMultiple", [{"name": "A"}, wrong, {"name": "B"}])
    assert answer.status_code in (400, 404, 412)
    assert "Targets[1]" not in answer.text
    assert names(dataverse) == {"Fabrikam"}


def test_a_taken_id_has_words_of_its_own(dataverse: Place) -> None:
    answer = multiple(dataverse, "CreateMultiple", [{"accountid": dataverse.ids["account"]}])
    assert dataverse.refused(answer) == (412, "0x80040237", "Cannot insert duplicate key.")


def test_each_target_needs_its_type(dataverse: Place) -> None:
    answer = dataverse.send("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": [{"name": "A"}]})
    assert dataverse.refused(answer)[1] == "0x80048d19"
    bodies: list[Any] = [{}, {"Targets": []}, {"Targets": 5}, {"Targets": [5]}]
    for body in bodies:
        assert dataverse.send("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", body).status_code == 400


def test_many_are_changed_at_once_or_none(dataverse: Place) -> None:
    ids = multiple(dataverse, "CreateMultiple", [{"name": "A"}, {"name": "B"}]).json()["Ids"]
    done = multiple(dataverse, "UpdateMultiple", [{"accountid": key, "name": f"{key[:4]}!"} for key in ids])
    assert (done.status_code, done.content) == (204, b"")
    changed = names(dataverse)
    absent = multiple(
        dataverse, "UpdateMultiple", [{"accountid": ids[0], "name": "x"}, {"accountid": NOBODY, "name": "y"}]
    )
    assert dataverse.refused(absent) == (404, "0x80040217", f"Account With Ids = {NOBODY} Do Not Exist")
    assert names(dataverse) == changed == {f"{key[:4]}!" for key in ids} | {"Fabrikam"}


def test_upserts_by_key_create_and_change(dataverse: Place) -> None:
    targets = [
        {"@odata.id": "accounts(accountnumber='F-1')", "name": "changed"},
        {"@odata.id": f"{dataverse.api}/accounts(accountnumber='F-2')", "name": "created"},
        {"accountid": NOBODY, "name": "by id"},
    ]
    answer = multiple(dataverse, "UpsertMultiple", targets)
    assert (answer.status_code, answer.content) == (204, b"")
    again = multiple(dataverse, "UpsertMultiple", targets)
    assert again.status_code == 204
    assert names(dataverse) == {"changed", "created", "by id"}
    assert dataverse.get("accounts(accountnumber='F-2')")["name"] == "created"


def test_an_upsert_with_its_key_twice_fails_where_it_would_create(dataverse: Place) -> None:
    target = {"@odata.id": "accounts(accountnumber='F-3')", "accountnumber": "F-3", "name": "x"}
    assert multiple(dataverse, "UpsertMultiple", [target]).status_code == 400
    present = {"@odata.id": "accounts(accountnumber='F-1')", "accountnumber": "F-1", "name": "x"}
    assert multiple(dataverse, "UpsertMultiple", [present]).status_code == 204


def test_deleting_many_is_for_other_tables(dataverse: Place) -> None:
    answer = multiple(dataverse, "DeleteMultiple", [{"accountid": dataverse.ids["account"]}])
    assert "not yet been implemented" in dataverse.refused(answer)[2]


def test_the_messages_a_table_takes_can_be_looked_up(dataverse: Place) -> None:
    query = (
        "sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name eq @message and "
        "primaryobjecttypecode eq @table&@message='CreateMultiple'&@table='account'"
    )
    assert len(dataverse.values(query)) == 1
    expanded = (
        "sdkmessagefilters?$select=sdkmessagefilterid&$expand=sdkmessageid($select=name)&$filter=(sdkmessageid/name eq "
        "'CreateMultiple' or sdkmessageid/name eq 'UpdateMultiple') and primaryobjecttypecode eq 'account'"
    )
    found = dataverse.values(expanded)
    assert {row["sdkmessageid"]["name"] for row in found} == {"CreateMultiple", "UpdateMultiple"}


def test_the_log_counts_written_rows(dataverse: Place) -> None:
    multiple(dataverse, "CreateMultiple", [{"name": str(n)} for n in range(7)])
    assert dataverse.kernel.log.entries()[-1]["rows"] == 7


class Batch:
    """A batch as one of several clients would write it."""

    def __init__(self, dataverse: Place, newline: str = "\r\n", quoted: bool = False) -> None:
        self._dataverse = dataverse
        self._newline = newline
        self._quote = '"' if quoted else ""
        self.lines: list[str] = []

    def request(self, line: str, body: Any = None, *headers: str) -> Batch:
        self.lines += ["--batch_x", *self._http(line, body, headers)]
        return self

    def change_set(self, *requests: tuple[str, str, Any]) -> Batch:
        self.lines += [
            "--batch_x",
            f"Content-Type: multipart/mixed; boundary={self._quote}changeset_y{self._quote}",
            "",
        ]
        for content_id, line, body in requests:
            extra = (f"Content-ID: {content_id}",) if content_id else ()
            self.lines += ["--changeset_y", *self._http(line, body, (), extra)]
        self.lines.append("--changeset_y--")
        return self

    def _http(self, line: str, body: Any, headers: Sequence[str], extra: Sequence[str] = ()) -> list[str]:
        content = [] if body is None else [json.dumps(body) if not isinstance(body, str) else body]
        typed = ["Content-Type: application/json; type=entry"] if content else []
        head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", *extra, ""]
        return [*head, f"{line} HTTP/1.1", *typed, *headers, "", *content, ""]

    def send(self, prefer: str = "", start: str = "") -> Response:
        text = start + self._newline.join([*self.lines, "--batch_x--", ""])
        headers = {"Content-Type": f"multipart/mixed; boundary={self._quote}batch_x{self._quote}", "Prefer": prefer}
        return self._dataverse.session.post(
            f"{self._dataverse.api}/$batch", data=text.encode(), headers=headers, timeout=30
        )


def statuses(answer: Response) -> list[int]:
    return [int(status) for status in re.findall(r"HTTP/1\.1 (\d{3})", answer.text)]


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("start", ["", "\r\n", "\n", "a preamble\r\n"])
@pytest.mark.parametrize("form", ["{api}/accounts", "/api/data/v9.2/accounts", "accounts", "/accounts"])
def test_a_batch_is_read_however_it_is_written(
    dataverse: Place, newline: str, quoted: bool, start: str, form: str
) -> None:
    address = form.format(api=dataverse.api)
    batch = Batch(dataverse, newline, quoted).request(f"POST {address}", {"name": "A"})
    answer = batch.request(f"GET {address}?$select=name&$filter=name eq 'A'").send(start=start)
    assert (answer.status_code, statuses(answer)) == (200, [204, 200])
    assert '"name":"A"' in answer.text


def test_the_answer_has_the_marks_that_clients_look_for(dataverse: Place) -> None:
    answer = Batch(dataverse).change_set(("1", "POST accounts", {"name": "A"})).request("GET WhoAmI()").send()
    boundary = answer.headers["Content-Type"].partition("boundary=")[2]
    assert boundary.startswith("batchresponse_")
    assert answer.text.startswith(f"--{boundary}\r\n")
    assert answer.text.endswith(f"--{boundary}--\r\n")
    assert "\r\n--changesetresponse_" in answer.text
    assert "Content-ID: 1\r\n" in answer.text
    assert f"OData-EntityId: {dataverse.api}/accounts(" in answer.text
    assert "\n" not in answer.text.replace("\r\n", "")


def test_a_change_set_refers_to_what_it_made_before(dataverse: Place) -> None:
    answer = (
        Batch(dataverse)
        .change_set(
            ("1", "POST contacts", {"lastname": "Roe"}),
            ("2", "POST accounts", {"name": "A", "primarycontactid@odata.bind": "$1"}),
            ("3", "PUT $1/firstname", {"value": "Joe"}),
            ("4", "PATCH $2", {"accountnumber": "R-1"}),
            ("5", f"PUT /accounts({dataverse.ids['account']})/primarycontactid/$ref", {"@odata.id": "$1"}),
        )
        .send()
    )
    assert statuses(answer) == [204] * 5
    row = dataverse.get("accounts(accountnumber='R-1')?$expand=primarycontactid($select=fullname)")
    assert row["primarycontactid"]["fullname"] == "Joe Roe"
    assert dataverse.get(f"accounts({dataverse.ids['account']})/primarycontactid")["fullname"] == "Joe Roe"


def test_a_reference_outside_a_change_set_leads_nowhere(dataverse: Place) -> None:
    answer = Batch(dataverse).request("PATCH $1", {"name": "x"}).send()
    assert statuses(answer) == [400]
    assert "Content-ID Reference: '$1' does not exist in the batch context." in answer.text


def test_a_reference_to_nothing_is_refused(dataverse: Place) -> None:
    for request in (("2", "PATCH $1", {"name": "x"}), ("2", "POST accounts", {"primarycontactid@odata.bind": "$1"})):
        answer = Batch(dataverse).change_set(request).send()
        assert (answer.status_code, statuses(answer)) == (400, [400])
        assert "Content-ID Reference: '$1' does not exist in the batch context." in answer.text


def test_a_failed_change_set_leaves_nothing_and_answers_once(dataverse: Place) -> None:
    bodies: list[Any] = [{"name": "A"}, {"nobody": 1}, {}]
    failing = [(str(number), "POST accounts", body) for number, body in enumerate(bodies)]
    answer = Batch(dataverse).change_set(*failing).request("GET WhoAmI()").send()
    assert (answer.status_code, statuses(answer)) == (400, [400])
    assert "--changesetresponse_" in answer.text
    assert names(dataverse) == {"Fabrikam"}


def test_a_batch_stops_at_the_first_failure_unless_told_to_go_on(dataverse: Place) -> None:
    def three() -> Batch:
        batch = Batch(dataverse).request("POST accounts", {"name": "A"})
        return batch.request(f"GET accounts({NOBODY})").request("POST accounts", {"name": "B"})

    stopped = three().send()
    assert (stopped.status_code, statuses(stopped)) == (400, [204, 404])
    assert names(dataverse) == {"Fabrikam", "A"}
    went_on = three().send(prefer="odata.continue-on-error")
    assert (went_on.status_code, statuses(went_on)) == (200, [204, 404, 204])


def test_a_part_may_be_made_for_somebody_else(dataverse: Place) -> None:
    ada, nobody = "MSCRMCallerID: 00000000-0000-4000-8000-0000000000ab", f"MSCRMCallerID: {NOBODY}"
    batch = (
        Batch(dataverse)
        .request("GET WhoAmI()")
        .request("GET WhoAmI()", None, ada)
        .request("GET WhoAmI()", None, nobody)
    )
    answer = batch.send(prefer="odata.continue-on-error")
    assert statuses(answer) == [200, 200, 403]
    found = re.findall(r'"UserId":"[^"]*?(..)"', answer.text)
    assert found == ["aa", "ab"]


def test_an_error_within_a_batch_says_which_request_it_is_of(dataverse: Place) -> None:
    answer = Batch(dataverse).request("GET WhoAmI()").request(f"GET accounts({NOBODY})").send()
    assert answer.text.count("REQ_ID: ") == 1
    assert f"REQ_ID: {answer.headers['REQ_ID']}" in answer.text.partition("HTTP/1.1 404")[2]


def test_going_on_is_said_to_have_been_honoured(dataverse: Place) -> None:
    preference = "odata.continue-on-error"
    assert Batch(dataverse).request("GET WhoAmI()").send(preference).headers["Preference-Applied"] == preference
    assert "Preference-Applied" not in Batch(dataverse).request("GET WhoAmI()").send().headers


def test_requests_keep_their_own_headers(dataverse: Place) -> None:
    address = f"accounts({dataverse.ids['account']})"
    batch = Batch(dataverse).request(f"PATCH {address}", {"name": "x"}, 'If-Match: W/"1"', "If-None-Match: null")
    batch = batch.request(f"PATCH {address}", {"name": "y"}, "If-Match: *", "Prefer: return=representation")
    answer = batch.request(f"DELETE {address}", "null").send(prefer="odata.continue-on-error")
    assert statuses(answer) == [412, 200, 204]
    assert "Preference-Applied: return=representation" in answer.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", "{}"),
        ("multipart/mixed", ""),
        ("multipart/mixed; boundary=b", ""),
        ("multipart/mixed; boundary=b", "no boundary at all"),
        ("multipart/mixed; boundary=b", "--b||||nonsense|--b--"),
        ("multipart/mixed; boundary=b", "--b|Content-Type: application/http||POST $batch HTTP/1.1|||--b--"),
        (
            "multipart/mixed; boundary=b",
            "--b|Content-Type: multipart/mixed; boundary=c||--c||GET x HTTP/1.1||--c--|--b--",
        ),
    ],
)
def test_a_batch_that_makes_no_sense_is_one_json_error(dataverse: Place, content_type: str, body: str) -> None:
    headers = {"Content-Type": content_type}
    answer = dataverse.session.post(
        f"{dataverse.api}/$batch", data=body.replace("|", "\r\n").encode(), headers=headers, timeout=10
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in ("0x80048d19", "0x80060888")


def test_a_change_set_needs_content_ids_and_takes_no_reads(dataverse: Place) -> None:
    for request in (("", "POST accounts", {"name": "A"}), ("1", "GET accounts", None)):
        assert Batch(dataverse).change_set(request).send().status_code == 400


def test_a_batch_has_at_most_a_thousand_requests(dataverse: Place) -> None:
    batch = Batch(dataverse)
    for _ in range(1001):
        batch.request("GET WhoAmI()")
    assert "1000" in dataverse.refused(batch.send())[2]


def test_a_batch_does_what_its_parts_would_do_alone(dataverse: Place) -> None:
    bodies = [{"name": f"N{n}", "accountnumber": f"B-{n}", "numberofemployees": n} for n in range(5)]
    batch = Batch(dataverse)
    for body in bodies:
        batch.request("POST accounts", body)
    batch.send()
    query = "accounts?$select=name,accountnumber,numberofemployees&$orderby=name&$filter=startswith(accountnumber,'B-')"
    together = [{k: v for k, v in row.items() if k in bodies[0]} for row in dataverse.values(query)]
    dataverse.world.restore("seeded")
    for body in bodies:
        dataverse.create("accounts", body)
    alone = [{k: v for k, v in row.items() if k in bodies[0]} for row in dataverse.values(query)]
    assert together == alone == bodies


def test_a_long_address_fits_into_a_batch(dataverse: Place) -> None:
    key = dataverse.create(MILESTONES, {"msdyn_name": "M"})
    many = " or ".join([f"{MILESTONE_ID} eq {key}"] * 800)
    answer = Batch(dataverse).request(f"GET {MILESTONES}?$select=msdyn_name&$filter={many}").send()
    assert answer.text.count('"msdyn_name":"M"') == 1


def bulk_delete(dataverse: Place, *values: str, column: str = "accountid") -> Response:
    condition = {
        "AttributeName": column,
        "Operator": "In",
        "Values": [{"Value": value, "Type": "System.Guid"} for value in values],
    }
    query = {
        "@odata.type": "Microsoft.Dynamics.CRM.QueryExpression",
        "EntityName": "account",
        "ColumnSet": {"AllColumns": False},
        "Criteria": {"FilterOperator": "And", "Conditions": [condition]},
    }
    return dataverse.send("POST", "BulkDelete", {"JobName": "Clean", "QuerySet": [query]})


def test_a_bulk_delete_is_a_system_job(dataverse: Place) -> None:
    ids = multiple(dataverse, "CreateMultiple", [{"name": "A"}, {"name": "B"}]).json()["Ids"]
    job = dataverse.get(f"asyncoperations({bulk_delete(dataverse, *ids).json()['JobId']})")
    assert (job["name"], job["statecode"], job["statuscode"]) == ("Clean", 3, 30)
    assert names(dataverse) == {"Fabrikam"}


def test_a_bulk_delete_that_can_not_be_understood_deletes_nothing(dataverse: Place) -> None:
    assert bulk_delete(dataverse, "x", column="nobody").status_code == 400
    assert bulk_delete(dataverse).status_code == 400
    assert dataverse.send("POST", "BulkDelete", {"QuerySet": [{"EntityName": "nobody"}]}).status_code == 400
    assert dataverse.send("POST", "BulkDelete", {"QuerySet": [{"EntityName": "account"}]}).status_code == 400
    assert names(dataverse) == {"Fabrikam"}
