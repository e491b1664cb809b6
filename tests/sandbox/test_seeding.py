"""The seeded company: repeatable, coherent, and with all the neighbours that a cutover meets."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from statecfg.sandbox.seeding import export
from statecfg.sandbox.seeding.generate import portfolio
from statecfg.sandbox.seeding.portfolio import Billing, Portfolio, Standing


@pytest.fixture(scope="module")
def company() -> Portfolio:
    return portfolio(contracts=40, milestones=1200, seed=7)


def test_the_same_numbers_give_the_same_company(company: Portfolio) -> None:
    assert portfolio(contracts=40, milestones=1200, seed=7) == company
    assert portfolio(contracts=40, milestones=1200, seed=8) != company


@pytest.mark.parametrize(("contracts", "milestones"), [(1, 1), (1, 5), (3, 2), (40, 1200), (7, 900)])
def test_the_file_holds_as_many_milestones_as_were_asked_for(contracts: int, milestones: int) -> None:
    made = portfolio(contracts, milestones, seed=3)
    assert len(list(made.of_file())) == milestones
    assert len({m.contract for m in made.of_file()}) == min(contracts, milestones)


@pytest.mark.parametrize(("contracts", "milestones"), [(0, 1), (1, 0), (-1, 5)])
def test_a_world_of_nothing_is_refused(contracts: int, milestones: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        portfolio(contracts, milestones, seed=7)


def test_business_keys_are_unique_without_the_date(company: Portfolio) -> None:
    keys = Counter((m.contract, m.line, m.name) for m in company.milestones)
    assert max(keys.values()) == 1


def test_every_milestone_is_on_a_fixed_price_line_in_its_contracts_currency(company: Portfolio) -> None:
    contracts = {c.number: c for c in company.contracts}
    for m in company.milestones:
        contract = contracts[m.contract]
        (line,) = (each for each in contract.lines if each.name == m.line)
        assert line.billing is Billing.FIXED_PRICE
        assert m.currency == contract.currency


def test_no_line_holds_more_than_was_contracted_and_some_have_a_remainder(company: Portfolio) -> None:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for m in company.milestones:
        sums[m.contract, m.line] += m.amount
    fixed = [li for c in company.contracts for li in c.lines if li.billing is Billing.FIXED_PRICE]
    assert all(sums[li.contract, li.name] <= li.amount for li in fixed)
    assert any(sums[li.contract, li.name] < li.amount for li in fixed)
    assert any(sums[li.contract, li.name] == li.amount for li in fixed)


def test_several_legal_entities_and_currencies_take_part(company: Portfolio) -> None:
    assert {c.entity for c in company.contracts if c.in_file} == {"usmf", "demf", "gbsi"}
    assert {m.currency for m in company.of_file()} == {"USD", "EUR", "GBP"}


def test_some_lines_are_invoiced_in_part_and_their_open_milestones_are_not_in_the_file(company: Portfolio) -> None:
    in_file = {(m.contract, m.line) for m in company.of_file()}
    still_open = [m for m in company.milestones if m.standing is Standing.OPEN and (m.contract, m.line) in in_file]
    assert len(still_open) > 20


def test_some_milestones_of_the_file_were_made_by_hand(company: Portfolio) -> None:
    assert sum(m.standing is Standing.BY_HAND for m in company.milestones) == 12


def test_what_other_people_invoiced_is_on_contracts_outside_the_file(company: Portfolio) -> None:
    ours = {c.number for c in company.contracts if c.in_file}
    assert not ours & {invoice.contract for invoice in company.invoices}
    assert not ours & {entry.contract for entry in company.time_entries}
    assert {invoice.posted for invoice in company.invoices} == {True, False}
    assert company.time_entries


def test_amounts_have_cents_and_tax_only_with_an_amount(company: Portfolio) -> None:
    for m in company.milestones:
        assert m.amount.as_tuple().exponent == -2
        assert m.amount > 0
        assert m.tax >= 0


def test_names_and_descriptions_fit_their_columns(company: Portfolio) -> None:
    assert all(len(m.name) <= 100 and len(m.description) <= 100 for m in company.milestones)


def test_existing_milestones_stand_on_other_peoples_contracts() -> None:
    made = portfolio(contracts=5, milestones=20, seed=7, existing=500)
    ours = {c.number for c in made.contracts if c.in_file}
    more = [m for m in made.milestones if m.standing is Standing.OPEN and m.name.startswith("Instalment")]
    assert len(more) == 500
    assert not ours & {m.contract for m in more}


def test_the_legacy_file_holds_the_milestones_under_the_default_headings(company: Portfolio, tmp_path: Path) -> None:
    path = tmp_path / "milestones.csv"
    export.write_milestones(path, company.of_file())
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {
        "contract", "line", "name", "amount", "tax", "currency", "date", "description", "invoiced",
    }  # fmt: skip
    wanted = [(m.contract, m.line, m.name, m.amount, m.date.isoformat()) for m in company.of_file()]
    assert [(r["contract"], r["line"], r["name"], Decimal(r["amount"]), r["date"]) for r in rows] == wanted


def test_control_totals_are_those_of_the_file(company: Portfolio) -> None:
    count, sums = export.totals(company.of_file())
    assert count == 1200
    assert sums["EUR"] == sum((m.amount for m in company.of_file() if m.currency == "EUR"), Decimal(0))
