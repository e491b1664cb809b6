"""`$filter` answers as an independent implementation does, on generated filters and data, on what both understand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.sandbox.dataverse_place import Place
from tests.sandbox.filter_reference import Reference

KEYS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(6)]
TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "Ab c",
    "b",
    "O'Neil",
    "ä",
    "Ä",
    "straße",
    "STRASSE",
    "z",
    "100",
    "null",
    "a and b",
    "x(1)",
]
WHOLE = [-2, 0, 1, 7, 2147483647]
AMOUNTS = ["-0.0001", "0", "0.1", "12.5", "12.50", "1234567.8901", "7"]
DAYS = ["1999-12-31", "2024-01-31", "2024-02-29", "2030-06-01"]
MOMENTS = ["2024-01-31T00:00:00Z", "2024-01-31T23:59:59Z", "2024-02-01T00:00:00Z", "2031-01-01T12:30:00Z"]
OFFSETS = ["2024-02-01T01:00:00+01:00", "2024-01-31T18:59:59-05:00"]

Data = Mapping[str, Any]


def optional(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(values)


ACCOUNTS = st.lists(
    st.fixed_dictionaries(
        {
            "name": optional(TEXTS),
            "description": optional(TEXTS),
            "emailaddress1": optional(TEXTS),
            "numberofemployees": optional(WHOLE),
            "revenue": optional(AMOUNTS),
            "creditonhold": st.booleans(),
            "statecode": st.sampled_from([0, 1]),
            "overriddencreatedon": optional(DAYS),
            "createdon": st.sampled_from(MOMENTS),
            "parent": optional([0, 1, 2]),
        }
    ),
    min_size=1,
    max_size=6,
)
CONTACTS = st.lists(
    st.fixed_dictionaries(
        {"account": st.integers(0, 5), "lastname": optional(TEXTS), "numberofchildren": optional(WHOLE)}
    ),
    max_size=5,
)


def text_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


LITERALS = {
    "text": st.sampled_from(TEXTS).map(text_literal),
    "whole": st.sampled_from(WHOLE).map(str),
    # The last two lie between what a column with four decimals can hold, and beyond it.
    "amount": st.sampled_from([*AMOUNTS, "12.50001", "99999999999999999999"]),
    "choice": st.sampled_from(["0", "1"]),
    "day": st.sampled_from(DAYS),
    "moment": st.sampled_from([*MOMENTS, *OFFSETS]),
    "guid": st.sampled_from([*KEYS, KEYS[0].replace("8", "A")]),
    "truth": st.sampled_from(["true", "false"]),
}
NAMES = {
    "text": ["name", "description", "emailaddress1", "parentaccountid/name"],
    "whole": ["numberofemployees", "parentaccountid/numberofemployees"],
    "amount": ["revenue", "parentaccountid/revenue"],
    "choice": ["statecode"],
    "day": ["overriddencreatedon"],
    "moment": ["createdon"],
    "guid": ["accountid", "_parentaccountid_value"],
    "truth": ["creditonhold"],
}
CHILD_NAMES = {"text": ["c/lastname"], "whole": ["c/numberofchildren"]}
ORDERED = ("eq", "ne", "gt", "ge", "lt", "le")
MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
WITHOUT_ORDER = ("guid", "truth")


@st.composite
def comparison(draw: st.DrawFn, names: Mapping[str, list[str]] = NAMES) -> str:
    kind = draw(st.sampled_from(sorted(names)))
    name = draw(st.sampled_from(names[kind]))
    op = draw(st.sampled_from(ORDERED[:2] if kind in WITHOUT_ORDER else ORDERED))
    literal = draw(LITERALS[kind])
    shape = draw(st.sampled_from(["plain", "plain", "mirrored", "null", "columns"]))
    if shape == "null":
        return f"{name} {draw(st.sampled_from(['eq', 'ne']))} null"
    if shape == "mirrored":
        return f"{literal} {op} {name}"
    if shape == "columns":
        return f"{name} {op} {draw(st.sampled_from(names[kind]))}"
    return f"{name} {op} {literal}"


@st.composite
def matching(draw: st.DrawFn, names: Mapping[str, list[str]] = NAMES) -> str:
    function = draw(st.sampled_from(["contains", "startswith", "endswith"]))
    return f"{function}({draw(st.sampled_from(names['text']))},{draw(LITERALS['text'])})"


@st.composite
def listed(draw: st.DrawFn) -> str:
    """A long list of the same column's values, which has a short way of its own."""
    kind = draw(st.sampled_from(["text", "whole", "amount", "guid"]))
    name, values = draw(st.sampled_from(NAMES[kind])), draw(st.lists(LITERALS[kind], min_size=2, max_size=6))
    return "(" + " or ".join(f"{name} eq {value}" for value in values) + ")"


def combined(terms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    both = st.tuples(terms, st.sampled_from(["and", "or"]), terms)
    return st.one_of(
        both.map(lambda parts: " ".join(parts)),
        both.map(lambda parts: f"({' '.join(parts)})"),
        terms.map(lambda term: f"not ({term})"),
        terms.map(lambda term: f"( {term} )"),
    )


@st.composite
def quantified(draw: st.DrawFn) -> str:
    inner = st.recursive(comparison(CHILD_NAMES) | matching(CHILD_NAMES), combined, max_leaves=3)
    if draw(st.booleans()) and draw(st.booleans()):
        return "contact_customer_accounts/any()"
    return f"contact_customer_accounts/{draw(st.sampled_from(['any', 'all']))}(c: {draw(inner)})"


SIMPLE = st.one_of(
    comparison(),
    matching(),
    listed(),
    st.sampled_from(["creditonhold", "not creditonhold", "not creditonhold eq true", "creditonhold ne false"]),
    matching().map(lambda text: f"not {text}"),
)
FILTERS = st.recursive(SIMPLE | quantified(), combined, max_leaves=8)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(accounts=ACCOUNTS, contacts=CONTACTS, filters=st.lists(FILTERS, min_size=1, max_size=4))
@example(
    accounts=[{"name": None, "description": "a"}, {"name": "A", "description": "a"}],
    contacts=[],
    filters=[
        "name ne 'b' and name eq description",
        "not (name eq 'a')",
        "name ne description",
        "not contains(name,'b')",
    ],
)
@example(
    accounts=[{"name": "straße"}, {"name": "STRASSE"}, {"name": "Ä"}],
    contacts=[],
    filters=["name eq 'straße'", "startswith(name,'STRASS')", "name gt 'z'", "name eq 'ä' or name eq 'strasse'"],
)
@example(
    accounts=[{"revenue": "12.5"}, {"revenue": "7"}, {"revenue": None}],
    contacts=[],
    filters=["revenue eq 12.50001 or revenue eq 7", "not (revenue eq 12.50001 or revenue eq 99999999999999999999)"],
)
def test_a_filter_finds_what_the_reference_finds(
    dataverse: Place, accounts: list[Data], contacts: list[Data], filters: list[str]
) -> None:
    fill(dataverse, accounts, contacts)
    with closing(copied(dataverse)) as reference:
        for text in filters:
            assert found(dataverse, text) == reference.ids(text), text


def test_the_generated_filters_tell_rows_apart(dataverse: Place) -> None:
    """The comparison above would prove nothing if filters held for all rows or none."""
    fill(dataverse, [various(n) for n in range(len(KEYS))], [{"account": 1, "lastname": "a", "numberofchildren": 1}])
    with closing(copied(dataverse)) as reference:
        sizes = [len(reference.ids(text)) for text in samples(200)]
    assert sum(0 < size <= len(KEYS) for size in sizes) > 60


@pytest.mark.parametrize("text", ["not name eq 'a'", "not numberofemployees eq 1", "name", "not name"])
def test_not_binds_tighter_than_a_comparison(dataverse: Place, text: str) -> None:
    """So `not name eq 'a'` asks for the opposite of a text, which there is not."""
    status, code, _ = dataverse.refused(dataverse.send("GET", f"accounts?$filter={text}"))
    assert (status, code) == (400, "0x80060888")


def various(n: int) -> Data:
    """A row that differs from the others in every column."""
    texts = {name: TEXTS[(n * 2 + at) % len(TEXTS)] for at, name in enumerate(("name", "description", "emailaddress1"))}
    numbers = {"numberofemployees": WHOLE[n % 5], "revenue": AMOUNTS[n % 7], "statecode": n % 2}
    times = {"overriddencreatedon": DAYS[n % 4], "createdon": MOMENTS[n % 4]}
    return {**texts, **numbers, **times, "creditonhold": n % 3 == 0, "parent": (n + 1) % 3}


def fill(dataverse: Place, accounts: list[Data], contacts: list[Data]) -> None:
    """Make the seeded world hold these accounts, and their contacts and parents."""
    dataverse.world.restore("seeded")
    with dataverse.world.transaction() as tx:
        for key, row in zip(KEYS, accounts, strict=False):
            tx.insert("account", {**{name: value for name, value in row.items() if name != "parent"}, "accountid": key})
        for key, row in zip(KEYS, accounts, strict=False):
            if row.get("parent") is not None and row["parent"] < len(accounts):
                tx.update("account", key, {"parentaccountid": KEYS[row["parent"]]})
        for row in contacts:
            owner = {"parentcustomerid": KEYS[row["account"]], "parentcustomeridtype": "account"}
            named = {name: value for name, value in row.items() if name != "account"}
            tx.insert("contact", {**named, **owner})


def copied(dataverse: Place) -> Reference:
    """The accounts and contacts that the world holds, for the reference."""
    with dataverse.world.reading() as tx:
        return Reference(tx.select("account"), tx.select("contact", "parentcustomeridtype = 'account'"))


def found(dataverse: Place, text: str) -> set[str]:
    """The accounts that the service finds."""
    answer = dataverse.session.get(
        f"{dataverse.api}/accounts", params={"$select": "accountid", "$filter": text}, timeout=30
    )
    assert answer.status_code == 200, f"{text}: {answer.text}"
    return {row["accountid"] for row in answer.json()["value"]}


def samples(count: int) -> Iterator[str]:
    """The first filters that the strategy gives."""
    seen: list[str] = []

    @settings(max_examples=count, database=None, derandomize=True, deadline=None)
    @given(FILTERS)
    def collect(text: str) -> None:
        seen.append(text)

    collect()
    return iter(seen)
