"""The business key, and the id that follows from it."""

from __future__ import annotations

import unicodedata
import uuid
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from statecfg.resources.milestones.key import KeyText, id_text, normal
from tests.resources.milestone_worlds import TENANT, keys


@given(st.text(), st.text(), st.text())
def test_the_id_is_a_version_5_uuid_of_tenant_table_and_key(contract: str, line: str, name: str) -> None:
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, f"{TENANT}/msdyn_contractlinescheduleofvalue")
    wanted = uuid.uuid5(namespace, "\x1f".join(map(normal, (contract, line, name))))
    assert id_text(keys().id(KeyText(contract, line, name))) == str(wanted)


@given(st.text())
def test_case_spaces_and_composition_do_not_matter(text: str) -> None:
    same = unicodedata.normalize("NFD", f"  {text}\t ")
    assert keys().id(KeyText("c", "l", same)) == keys().id(KeyText("C ", " L", text))


def test_normal_text_is_normal() -> None:
    assert normal("  Stra\u00dfe \n  EINS ") == normal("STRASSE eins") == "strasse eins"


def test_the_date_and_the_description_may_belong_to_the_key() -> None:
    made = keys("contract", "line", "name", "date", "description")
    first = KeyText("C", "L", "N", date(2024, 1, 31), "R-1")
    assert made.words(first) == "C / L / N / 2024-01-31 / R-1"
    assert made.id(first) != made.id(first._replace(date=None))
    assert made.id(first) != made.id(first._replace(description="R-2"))


def test_parts_do_not_run_together() -> None:
    assert keys().id(KeyText("a", "bc", "d")) != keys().id(KeyText("ab", "c", "d"))
