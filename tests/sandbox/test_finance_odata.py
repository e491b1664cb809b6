import base64
import json
from decimal import Decimal
from urllib.parse import quote, urlsplit

import pytest

from statecfg.sandbox.control import Control
from statecfg.sandbox.entra.directory import Client, Directory
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.finance import compose
from statecfg.sandbox.requestlog import RequestLog
from statecfg.sandbox.wire import Request, json_value
from statecfg.sandbox.world import World

BASE = "https://localhost:1"
CLIENT = "11111111-2222-4333-8444-555555555555"
GUID = "5f0c6f0e-51de-4d9b-9f5b-0d5a9c1b7a3e"
INVOICED = "Microsoft.Dynamics.DataEntities.ProjTransStatus'Invoiced'"


class Company:
    """A Finance with two companies, reached without sockets."""

    def __init__(self, **settings):
        self.world = World(settings=settings)
        compose.prepare(self.world)
        directory = Directory("tenant")
        self.client = Client(CLIENT, "statecfg", ("secret",))
        directory.add_client(self.client)
        directory.add_resource(BASE, "finance")
        directory.add_resource("https://dataverse", "dataverse")
        self.tokens = Tokens(directory)
        self.control = Control(self.world, RequestLog())
        self.service = compose.serve(self.world, self.tokens, self.control)
        with self.world.transaction() as tx:
            tx.insert("fo.SystemUsers", {"UserID": "statecfg", "Company": "USMF", "Enabled": True})
            tx.insert("fo.SysAADClients", {"AADClientId": CLIENT, "UserId": "statecfg", "Name": "statecfg"})
            for company, number, amount, status in (
                ("usmf", "1", "1000.10", "Invoiced"),
                ("usmf", "2", "-3", "NoStatus"),
                ("demf", "1", "922337203685476.99", "Invoiced"),
            ):
                row = {"dataAreaId": company, "ContractLineMilestoneIdentifier": number, "Amount": Decimal(amount)}
                more = {"TransStatus": status, "Description": f"{company} stone {number}", "TransactionId": number}
                tx.insert("fo.ProjectContractLineMilestones", {**row, **more, "ContractLineMilestoneGuid": GUID})

    def token(self, audience=BASE, client=None):
        return self.tokens.access_token("https://issuer", audience, client or self.client, None, 3600)

    def send(self, method, target, body=None, token=None, **headers):
        path, _, query = target.partition("?")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("authorization", f"Bearer {token or self.token()}")
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = Request("finance", method, path, query, named, content, BASE, "1")
        return self.service.answer(request)

    def get(self, target, **headers):
        answer = self.send("GET", target, **headers)
        return answer.status, json_value(answer.body) if answer.body else None

    def rows(self, target):
        status, value = self.get(target)
        assert status == 200, value
        return value["value"]


@pytest.fixture
def fo():
    company = Company()
    yield company
    company.world.close()


def numbers(rows):
    return sorted(f"{row['dataAreaId']}{row['ContractLineMilestoneIdentifier']}" for row in rows)


def where(text, cross=True):
    return f"/data/ProjectContractLineMilestones?$filter={quote(text)}" + ("&cross-company=true" if cross else "")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dataAreaId eq 'usmf'", ["usmf1", "usmf2"]),
        ("dataAreaId eq 'USMF'", ["usmf1", "usmf2"]),
        (f"TransStatus eq {INVOICED}", ["demf1", "usmf1"]),
        (f"TransStatus ne {INVOICED}", ["usmf2"]),
        (f"TransStatus eq {INVOICED.replace('ProjTransStatus', 'projtransstatus')}", ["demf1", "usmf1"]),
        ("Amount eq 1000.1", ["usmf1"]),
        ("Amount eq 1000.10001", []),
        ("Amount gt 922337203685476.98 and Amount lt 922337203685477", ["demf1"]),
        ("Amount ge 922337203685476.990001", []),
        ("Amount lt 99999999999999999999999", ["demf1", "usmf1", "usmf2"]),
        ("Amount lt 0 or Amount eq 1000.10", ["usmf1", "usmf2"]),
        ("not (Amount lt 0) and dataAreaId ne 'demf'", ["usmf1"]),
        ("Amount mul 2 eq -6", ["usmf2"]),
        ("Description eq '*stone*'", ["demf1", "usmf1", "usmf2"]),
        ("Description ne 'usmf*'", ["demf1"]),
        ("Description eq 'usmf_stone 1'", []),
        (f"ContractLineMilestoneGuid eq {GUID}", ["demf1", "usmf1", "usmf2"]),
        (f"ContractLineMilestoneGuid eq '{GUID}'", ["demf1", "usmf1", "usmf2"]),
        ("TransactionDate lt 2000-01-01T00:00:00Z", ["demf1", "usmf1", "usmf2"]),
        ("TransactionDate gt 2000-01-01", []),
        ("Description eq null", []),
        ("5 gt Amount", ["usmf2"]),
    ],
)
def test_a_filter_finds_what_it_says(fo, text, found):
    assert numbers(fo.rows(where(text))) == found


@pytest.mark.parametrize(
    "text",
    [
        "TransStatus in ('Invoiced')",
        f"TransStatus has {INVOICED}",
        f"TransStatus gt {INVOICED}",
        "TransStatus eq 'Invoiced'",
        "TransStatus eq Microsoft.Dynamics.DataEntities.ProjTransStatus'Nothing'",
        "TransStatus eq Elsewhere.ProjTransStatus'Invoiced'",
        "amount eq 1",
        "Amount eq 'text'",
        "contains(Description,'x')",
        "Amount",
        "Amount eq",
        "((((",
        "not " * 900 + "Amount eq 1",
        "Amount eq " + "1 add " * 3000 + "1",
        "TransactionDate eq 2024-99-99",
    ],
)
def test_what_the_dialect_does_not_know_is_a_bad_request(fo, text):
    status, value = fo.get(where(text))
    assert status == 400
    assert value["error"]["message"].startswith("The query specified in the URI is not valid.")


def test_a_filter_over_very_many_keys_works(fo):
    text = " or ".join(f"ContractLineMilestoneIdentifier eq '{n}'" for n in range(3000))
    assert numbers(fo.rows(where(text))) == ["demf1", "usmf1", "usmf2"]


def test_only_the_users_own_company_is_seen_unless_asked(fo):
    assert numbers(fo.rows("/data/ProjectContractLineMilestones")) == ["usmf1", "usmf2"]
    assert numbers(fo.rows(where("dataAreaId eq 'demf'", cross=False))) == []
    key = "(dataAreaId='demf',ContractLineMilestoneIdentifier='1')"
    assert fo.get(f"/data/ProjectContractLineMilestones{key}")[0] == 404
    assert fo.get(f"/data/ProjectContractLineMilestones{key}?cross-company=true")[0] == 200


def test_a_user_sees_no_companies_beyond_those_it_has():
    fo = Company(**{"finance.user_companies": {"statecfg": ["usmf"]}})
    assert numbers(fo.rows("/data/ProjectContractLineMilestones?cross-company=true")) == ["usmf1", "usmf2"]
    fo.world.close()


def test_numbers_leave_with_all_their_digits(fo):
    answer = fo.send("GET", where("dataAreaId eq 'demf'"))
    assert b'"Amount":922337203685476.99,' in answer.body
    assert b'"Amount":1000.1,' in fo.send("GET", where("Amount eq 1000.1")).body


def test_pages_follow_each_other_by_absolute_links_and_survive_inserts():
    fo = Company(**{"finance.page_size": 2})
    with fo.world.transaction() as tx:
        for n in range(10, 17):
            tx.insert("fo.Companies", {"DataArea": f"c{n}", "Name": "x" if n % 2 else "y"})
    seen, target = [], "/data/Companies?$orderby=Name desc,DataArea&$count=true"
    while target:
        status, value = fo.get(target)
        assert status == 200
        assert value.get("@odata.count", 7) == 7
        seen += [row["DataArea"] for row in value["value"]]
        link = value.get("@odata.nextLink", "")
        assert not link or link.startswith(f"{BASE}/data/Companies?")
        target = link.removeprefix(BASE)
        with fo.world.transaction() as tx:
            tx.insert("fo.Companies", {"DataArea": f"a{len(seen)}", "Name": "z"})
    assert seen == ["c10", "c12", "c14", "c16", "c11", "c13", "c15"]
    fo.world.close()


def test_top_and_skip_go_beyond_one_page():
    fo = Company(**{"finance.page_size": 2, "finance.next_link_base": "https://aos-internal"})
    with fo.world.transaction() as tx:
        tx.insert_many("fo.Companies", [{"DataArea": f"c{n}", "Name": "x"} for n in range(8)])
    status, value = fo.get("/data/Companies?$skip=1&$top=3&$select=DataArea")
    assert status == 200
    assert [row["DataArea"] for row in value["value"]] == ["c1", "c2"]
    link = urlsplit(value["@odata.nextLink"])
    assert link.netloc == "aos-internal"
    assert [row["DataArea"] for row in fo.rows(f"{link.path}?{link.query}")] == ["c3"]
    assert "@odata.nextLink" not in fo.get(f"{link.path}?{link.query}")[1]
    fo.world.close()


def test_select_orderby_and_count_are_strict_about_names(fo):
    rows = fo.rows("/data/ProjectContractLineMilestones?$select=Amount,TransStatus&$orderby=Amount")
    assert [set(row) for row in rows] == [{"@odata.etag", "Amount", "TransStatus"}] * 2
    assert [row["Amount"] for row in rows] == [-3, Decimal("1000.1")]
    for bad in ("$select=amount", "$orderby=Amount sideways", "$top=x", "$expand=Nobody", "$apply=x", "$skiptoken=%21"):
        assert fo.get(f"/data/ProjectContractLineMilestones?{bad}")[0] == 400, bad
    assert fo.send("GET", "/data/ProjectContractLineMilestones/$count?cross-company=true").body == b"3"


def test_the_first_level_is_expanded(fo):
    with fo.world.transaction() as tx:
        made = tx.insert("fo.CustTransactions", {"dataAreaId": "usmf", "AccountNum": "US-1", "Voucher": "V1"})
        tx.insert("fo.CustTransOpens", {"dataAreaId": "usmf", "AccountNum": "US-1", "RefRecId": made["SysRecId"]})
    row = fo.rows("/data/CustTransOpens?$expand=CustTransaction($select=Voucher)&$select=AccountNum")[0]
    assert row["CustTransaction"]["Voucher"] == "V1"
    assert len(fo.rows("/data/CustTransactions?$expand=CustTransOpen")[0]["CustTransOpen"]) == 1


@pytest.mark.parametrize("key", [f"'{CLIENT}'", f"AADClientId='{CLIENT}'", f"AADClientId=%27{CLIENT}%27"])
def test_a_single_key_may_be_unnamed(fo, key):
    assert fo.get(f"/data/SysAADClients({key})")[1]["UserId"] == "statecfg"


@pytest.mark.parametrize("form", ["'{}'", "{}"])
def test_guid_keys_are_taken_with_and_without_apostrophes(fo, form):
    with fo.world.transaction() as tx:
        tx.insert("fo.WorkerResourceImports", {"ProjCDSResourceId": GUID, "PersonnelNumber": "000001"})
    assert fo.get(f"/data/WorkerResourceImports({form.format(GUID)})")[1]["PersonnelNumber"] == "000001"


@pytest.mark.parametrize("place", ["Nothing", "projectcontractlinemilestones", "Companies('x')/y/z", "Companies/Foo"])
def test_an_unknown_place_is_not_found(fo, place):
    status, value = fo.get(f"/data/{place}")
    assert status == 404
    assert set(value["error"]) >= {"code", "message"}


def test_rows_are_written_with_etags(fo):
    made = fo.send("POST", "/data/ProjectFundingSources", {"ProjectContractID": "C1", "FundingSourceId": "A"})
    assert made.status == 201
    assert json_value(made.body)["dataAreaId"] == "usmf"
    place = urlsplit(made.headers["Location"]).path
    assert fo.get(place)[1]["FundingSourceId"] == "A"
    old = json_value(made.body)["@odata.etag"]
    assert fo.send("PATCH", place, {"InvoiceName": "x"}, if_match=old).status == 204
    assert fo.send("PATCH", place, {"InvoiceName": "y"}, if_match=old).status == 412
    assert fo.send("PATCH", place, {"InvoiceName": "z"}).status == 204
    assert fo.get(place)[1]["InvoiceName"] == "z"
    assert fo.send("DELETE", place).status == 204
    assert fo.get(place)[0] == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        ({"Nobody": 1}, 400),
        ({"FundingType": "Nonsense"}, 400),
        ({"AddressLatitude": "abc"}, 400),
        ({"AddressValidFrom": "soon"}, 400),
        ({"InvoiceName": 5}, 400),
        ({}, 400),
    ],
)
def test_a_body_that_cannot_be_taken_is_a_bad_request(fo, body, status):
    answer = fo.send("POST", "/data/ProjectFundingSources", body)
    assert answer.status == status
    assert "error" in json_value(answer.body)


def test_ledger_entries_cannot_be_written_over_odata(fo):
    assert fo.send("POST", "/data/CustTransactions", {"AccountNum": "x"}).status == 400


def test_a_rule_refuses_in_the_services_form(fo):
    key = "(dataAreaId='usmf',ContractLineMilestoneIdentifier='1')"
    answer = fo.send("PATCH", f"/data/ProjectContractLineMilestones{key}", {"Amount": 5})
    assert answer.status == 400
    assert "cannot be modified" in json_value(answer.body)["error"]["innererror"]["message"]


def test_the_version_is_an_action_on_the_set(fo):
    place = "/data/DataManagementEntities/Microsoft.Dynamics.DataEntities."
    answer = fo.send("POST", f"{place}GetApplicationVersion", {})
    assert json_value(answer.body) == {
        "@odata.context": f"{BASE}/data/$metadata#Edm.String",
        "value": fo.world.settings["finance.application_version"],
    }
    assert fo.send("GET", f"{place}GetApplicationVersion").status == 405
    assert fo.send("POST", f"{place}Nothing", {}).status == 404


def test_the_label_leads_to_the_data_entity(fo):
    text = quote("EntityName eq 'Project Operations integration contract line milestones'")
    row = fo.rows(f"/data/DataManagementEntities?$filter={text}")[0]
    assert row["TargetName"]
    assert row["StagingTableName"]


def test_enums_are_resolved_by_the_metadata_service_in_any_case(fo):
    for root in ("/metadata", "/Metadata"):
        status, value = fo.get(f"{root}/PublicEnumerations('ProjTransStatus')")
        assert status == 200
        assert {m["Name"]: m["Value"] for m in value["Members"]}["Invoiced"] == 4
    assert fo.get("/metadata/PublicEnumerations('Nobody')")[0] == 404
    category = quote("EntityCategory eq Microsoft.Dynamics.Metadata.EntityCategory'Master'")
    assert "Companies" in {row["PublicCollectionName"] for row in fo.rows(f"/metadata/DataEntities?$filter={category}")}
    named = quote("contains(tolower(Name),'milestone')")
    assert {row["Name"] for row in fo.rows(f"/metadata/PublicEntities?$filter={named}&$select=Name")} >= {
        "ProjectContractLineMilestone"
    }


def test_the_schema_names_types_as_the_rows_have_them(fo):
    body = fo.send("GET", "/data/$metadata").body.decode()
    assert '<Property Name="TransStatus" Type="Microsoft.Dynamics.DataEntities.ProjTransStatus">' in body
    assert '<Property Name="Amount" Type="Edm.Decimal" Nullable="false">' in body
    assert '<Member Name="Invoiced" Value="4"/>' in body


def test_every_answer_has_an_activity_id_and_a_time(fo):
    for target in ("/data/Companies", "/data/Nothing", "/elsewhere"):
        headers = fo.send("GET", target).headers
        assert headers["ms-dyn-aid"]
        assert headers["server-timing"].startswith("dur=")


def test_an_unregistered_client_is_refused(fo):
    other = Client("99999999-2222-4333-8444-555555555555", "other", ("secret",))
    assert fo.send("GET", "/data/Companies", token=fo.token(client=other)).status == 401
    with fo.world.transaction() as tx:
        tx.update("fo.SystemUsers", "statecfg", {"Enabled": False})
    assert fo.send("GET", "/data/Companies").status == 401


def test_in_maintenance_mode_only_administrators_get_in(fo):
    fo.world.settings["finance.maintenance"] = True
    assert fo.send("GET", "/data/Companies").status == 403
    with fo.world.transaction() as tx:
        tx.insert("fo.SecurityUserRoles", {"UserId": "statecfg", "SecurityRoleIdentifier": "-SYSADMIN-"})
    assert fo.send("GET", "/data/Companies").status == 200


def test_a_token_for_another_service_is_refused(fo):
    answer = fo.send("GET", "/data/Companies", token=fo.token(audience="https://dataverse"))
    assert answer.status == 401
    assert "error" in json_value(answer.body)


BATCH = """--b_1 \r
Content-Type: application/http\r
Content-Transfer-Encoding: binary\r
\r
GET https://internal/data/Companies?$select=DataArea HTTP/1.1\r
\r
\r
--b_1\r
Content-Type: multipart/mixed; boundary=c_1\r
\r
--c_1\r
Content-Type: application/http\r
Content-Transfer-Encoding: binary\r
Content-ID: 1\r
\r
POST https://internal/data/ProjectFundingSources HTTP/1.1\r
Content-Type: application/json\r
\r
{"ProjectContractID":"C1","FundingSourceId":"A"}\r
--c_1\r
Content-Type: application/http\r
Content-Transfer-Encoding: binary\r
Content-ID: 2\r
\r
POST https://internal/data/ProjectFundingSources HTTP/1.1\r
Content-Type: application/json\r
\r
{"ProjectContractID":"C1","FundingSourceId":"%s"}\r
--c_1--\r
--b_1--\r
"""


def batch(fo, second):
    return fo.send("POST", "/data/$batch", (BATCH % second).encode(), content_type="multipart/mixed; boundary=b_1")


def test_a_batch_does_each_part_and_a_change_set_wholly(fo):
    answer = batch(fo, "B")
    text = answer.body.decode()
    assert answer.status == 200
    assert text.count("HTTP/1.1 200") == 1
    assert text.count("HTTP/1.1 201") == 2
    assert "Content-ID: 2" in text
    assert len(fo.rows("/data/ProjectFundingSources")) == 2


def test_a_change_set_with_one_bad_part_does_nothing(fo):
    answer = batch(fo, "A")
    assert "HTTP/1.1 400" in answer.body.decode()
    assert fo.rows("/data/ProjectFundingSources") == []


def test_a_part_of_a_batch_can_be_throttled_alone(fo):
    fo.world.faults.add({"effect": "batch_part", "path": "GET Companies", "occurrence": 1, "retry_after": 3})
    text = batch(fo, "B").body.decode()
    assert "HTTP/1.1 429" in text
    assert "Retry-After: 3" in text
    assert text.count("HTTP/1.1 201") == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "multipart/mixed; boundary=b"), (b"--x\r\n", "multipart/mixed; boundary=b"), (b"{}", "application/json"),
     (b"--b\r\n\r\nnonsense\r\n--b--", "multipart/mixed; boundary=b")],
)  # fmt: skip
def test_a_batch_that_cannot_be_taken_apart_is_a_bad_request(fo, body, kind):
    assert fo.send("POST", "/data/$batch", body, content_type=kind).status == 400


def test_etags_have_the_services_form(fo):
    tag = fo.rows("/data/ProjectContractLineMilestones")[0]["@odata.etag"]
    assert tag.startswith('W/"')
    assert b"," in base64.b64decode(tag[3:-1])
