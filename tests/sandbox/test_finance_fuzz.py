from contextlib import suppress

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from statecfg.sandbox.finance.filtering import FilterRefused, parsed
from statecfg.sandbox.wire import json_value
from tests.sandbox.test_finance_odata import Company

FO = Company()
HARD = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SETS = st.sampled_from(["ProjectContractLineMilestones", "Companies", "CustTransactions", "SysAADClients"])
_WORDS = (
    "Amount eq and or not ( ) 'x' '' 1 null true - , in has dataAreaId TransStatus 2024-01-01 add div 0 * contains( "
    "Microsoft.Dynamics.DataEntities.NoYes'Yes'"
)
WORDS = st.sampled_from(_WORDS.split())
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)


def acceptable(answer):
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert "error" in json_value(answer.body)


@HARD
@given(SETS, st.lists(WORDS, max_size=12))
def test_no_filter_breaks_the_service(entity_set, words):
    acceptable(FO.send("GET", f"/data/{entity_set}?cross-company=true&$filter={'%20'.join(words)}"))


@HARD
@given(PRINTABLE, PRINTABLE)
@example("Companies('%00')", "")
@example("Companies(DataArea='x',DataArea='y')", "$top=99999999999999999999")
@example("/", "$filter=%FF%FE")
def test_no_address_breaks_the_service(place, query):
    acceptable(FO.send("GET", f"/data/{place}".partition("?")[0] + f"?{query}"))
    acceptable(FO.send("GET", f"/metadata/{place}".partition("?")[0] + f"?{query}"))


@HARD
@given(SETS, st.sampled_from(["POST", "PATCH", "PUT", "DELETE", "OPTIONS"]), st.binary(max_size=80), PRINTABLE)
@example("Companies", "POST", b'{"DataArea":1e400}', "")
@example("ProjectContractLineMilestones", "POST", b'{"Amount":99999999999999999999}', "")
@example("ProjectContractLineMilestones", "POST", b'{"Amount":1e99999}', "")
@example("ProjectContractLineMilestones", "POST", b"[" * 5000, "")
def test_no_body_breaks_the_service(entity_set, method, body, etag):
    acceptable(FO.send(method, f"/data/{entity_set}", body, if_match=etag))
    acceptable(FO.send(method, f"/data/{entity_set}(dataAreaId='usmf',ContractLineMilestoneIdentifier='1')", body))


@HARD
@given(st.binary(max_size=200), PRINTABLE)
def test_no_batch_breaks_the_service(body, boundary):
    kind = f"multipart/mixed; boundary={boundary or 'b'}"
    framed = b"--b\r\nContent-Type: application/http\r\n\r\n" + body + b"\r\n--b--"
    acceptable(FO.send("POST", "/data/$batch", framed, content_type="multipart/mixed; boundary=b"))
    acceptable(FO.send("POST", "/data/$batch", body, content_type=kind))


@HARD
@given(st.text(max_size=80))
def test_any_text_is_a_filter_or_refused(text):
    with suppress(FilterRefused):
        parsed(text)
