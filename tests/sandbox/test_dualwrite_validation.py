"""What keeps a map from starting: every validation code, found by the checks or asked for."""

from __future__ import annotations

from typing import Any

import pytest

from statecfg.sandbox.dualwrite.texts import VALIDATION
from tests.sandbox.dualwrite_world import CONTRACT_LINES, CUSTOMERS, SKIP, START, Link


def line(finance: str, dataverse: str, direction: int = 2, **more: Any) -> dict[str, Any]:
    return {"syncDirection": direction, "sourceField": finance, "destinationField": dataverse, **more}


GUID_LINE = line("CONTRACTLINEMILESTONEGUID", "msdyn_contractlinescheduleofvalueid")
PROBLEMS = [
    ([line("NOSUCHFIELD", "msdyn_name")], "DIPV1022"),
    ([line("DESCRIPTION", "msdyn_nosuchcolumn")], "DIPV1025"),
    ([line("DESCRIPTION", "msdyn_contract.nosuchcolumn")], "DIPV1025"),
    ([line("", "msdyn_name")], "DIPV1021"),
    ([line("DESCRIPTION", "")], "DIPV1024"),
    ([line("DESCRIPTION", "msdyn_description")], "DIPV1023"),
    ([line("DESCRIPTION", "msdyn_name", 1), line("ACTIVITYNUMBER", "msdyn_name", 1)], "DIPV1026"),
    ([line("DESCRIPTION", "msdyn_name", 3)], "DIPV1004"),
    ([line("ACTIVITYNUMBER", "msdyn_contract.name", 1)], "DIPV1027"),
    ([line("TRANSACTIONDATE", "msdyn_amount")], "DIPV1030"),
    ([line("LEDGERTRANSACTIONDATE", "msdyn_amount", 1)], "DIPV1030"),
    ([line("AMOUNT", "msdyn_name")], "DIPV1030"),
    ([line("TRANSACTIONID", "msdyn_amount_after_tax", 1)], "DIPV1011"),
    ([line("TOTALSALESAMOUNT", "msdyn_amount")], "DIPV1011"),
]


@pytest.mark.parametrize(("lines", "code"), PROBLEMS)
def test_a_mapping_that_cannot_run_is_refused_at_start_with_its_code(link: Link, lines, code) -> None:
    link.stop()
    body = {"map": "milestones", "version": "2.0.0.0", "mappings": lines}
    assert link.control("POST", "save-as", body).status_code == 200
    assert f"[{code}]" in link.start_error()
    assert link.state() == "1"


WHOLE_PROBLEMS = [
    ([line("DESCRIPTION", "msdyn_name")], "DIPV1014"),
    ([GUID_LINE, line("DESCRIPTION", "msdyn_name")], "DIPV1002"),
    ([GUID_LINE, line("DESCRIPTION", "msdyn_name"), line("DESCRIPTION", "msdyn_name")], "DIPV1029"),
]


@pytest.mark.parametrize(("lines", "code"), WHOLE_PROBLEMS)
def test_a_whole_mapping_may_lack_its_key_or_its_company_or_repeat_itself(link: Link, lines, code) -> None:
    link.stop()
    body = {"map": "milestones", "version": "2.0.0.0", "mappings": lines, "whole": True}
    link.control("POST", "save-as", body)
    assert f"[{code}]" in link.start_error()


def test_a_table_without_an_integration_key_cannot_start(link: Link) -> None:
    link.stop()
    with link.world.transaction() as tx:
        tx.delete("dw.keys", "msdyn_contractlinescheduleofvalues")
    assert "[DIPV1003]" in link.start_error()


def test_a_refresh_makes_a_missing_integration_key_of_the_tables_alternate_key(link: Link) -> None:
    link.stop(CUSTOMERS)
    with link.world.transaction() as tx:
        tx.delete("dw.keys", "accounts")
    assert "[DIPV1003]" in link.start_error(CUSTOMERS)
    link.refresh(CUSTOMERS)
    link.start(CUSTOMERS)


def test_a_lookup_in_the_key_wants_the_field_that_it_is_expanded_to(link: Link) -> None:
    link.stop(CUSTOMERS)
    lines = [line("CUSTOMERACCOUNT", "accountnumber", 3), line("ORGANIZATIONNAME", "name", 3)]
    link.control("POST", "save-as", {"map": "customers", "version": "2.0.0.0", "mappings": lines, "whole": True})
    assert "[DIPV1015] Key field msdyn_company.cdm_companycode" in link.start_error(CUSTOMERS)


def test_a_key_that_finance_does_not_assign_itself_is_mandatory(link: Link) -> None:
    link.stop(CONTRACT_LINES)
    kept = [
        line("CONTRACTLINEID", "salesorderdetailid"),
        line("PROJECTCONTRACTID", "salesorderid.ordernumber"),
        line("DATAAREAID", "salesorderid.msdyn_owningcompany.cdm_companycode"),
    ]
    link.control("POST", "save-as", {"map": "contractlines", "version": "2.0.0.0", "mappings": kept, "whole": True})
    words = "Mandatory field LINESEQUENCENUMBER of Project contract lines is not mapped"
    assert link.start_error(CONTRACT_LINES) == f"Project validation failed [DIPV1010] {words}"


def test_a_company_that_is_gone_from_finance_makes_the_link_invalid(link: Link) -> None:
    link.stop()
    with link.world.transaction() as tx:
        tx.delete("fo.Companies", "usmf")
    assert link.start_error() == "Project validation failed [DIPV1008] Data partition USMF isn't valid"


def test_a_link_that_covers_no_company_starts_no_map_that_carries_one(link: Link) -> None:
    link.stop()
    link.settings(gateway__unlinked_companies=["usmf"])
    assert "[DIPV1016]" in link.start_error()


@pytest.mark.parametrize("code", sorted(VALIDATION))
def test_every_code_can_be_asked_for_with_its_text(link: Link, code: str) -> None:
    link.stop()
    link.control("POST", "faults", {"effect": "start_failure", "path": "milestones", "occurrence": 1, "code": code})
    assert link.start_error() == f"Project validation failed [{code}] {VALIDATION[code]}"
    link.start()


def test_every_seeded_version_passes_the_checks(link: Link) -> None:
    link.settings(gateway__start_other_version="run")
    for detail in [each["detail"] for each in link.maps() if each["detail"]["pid"]]:
        for template in detail["templates"]:
            link.stop(detail["tName"])
            link.do(START, detail["tName"], template=template["id"], parameters=SKIP)
