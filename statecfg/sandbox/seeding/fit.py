"""From somebody's own legacy export to a company that fits it: their contracts, lines and currencies.

What the export can't tell (customers, projects, dimensions) is made up; other people's contracts are added, so that a
rehearsal meets the same neighbours as on a generated world. Pure, as `generate` is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

from statecfg.sandbox.seeding import generate, words
from statecfg.sandbox.seeding.legacy import LegacyRow, Unreadable
from statecfg.sandbox.seeding.portfolio import (
    Billing,
    Contract,
    Currency,
    Customer,
    LegalEntity,
    Line,
    Milestone,
    Portfolio,
    Standing,
)

OTHER_CONTRACTS = 4


def portfolio(rows: Sequence[LegacyRow], seed: int) -> Portfolio:
    """A company whose legacy file is these rows. Raises Unreadable if there is none."""
    if not rows:
        raise Unreadable("no row of the export can be used, so there is no world to make")
    base = generate.portfolio(contracts=OTHER_CONTRACTS, milestones=OTHER_CONTRACTS, seed=seed)
    rng = Random(f"statecfg/fit/{seed}")  # noqa: S311 - repeatable worlds, no secrets
    currencies = _currencies(rows)
    contracts, milestones = _contracts(rng, rows, base.customers)
    taken = {contract.number for contract in contracts}
    renamed = _other_numbers([c.number for c in base.contracts if not c.in_file], taken)
    return replace(
        base,
        currencies=tuple({c.code: c for c in (*base.currencies, *currencies)}.values()),
        contracts=(*contracts, *(_renumbered(c, renamed) for c in base.contracts if not c.in_file)),
        milestones=(*milestones, *(_moved(m, renamed) for m in base.milestones if m.contract in renamed)),
        invoices=tuple(
            replace(i, contract=renamed[i.contract], milestones=tuple(_moved(m, renamed) for m in i.milestones))
            for i in base.invoices
        ),
        time_entries=tuple(replace(t, contract=renamed[t.contract]) for t in base.time_entries),
    )


def same_text(text: str) -> str:
    """A key's text as comparisons see it: spaces collapsed, case folded."""
    return " ".join(text.split()).casefold()


def _currencies(rows: Sequence[LegacyRow]) -> list[Currency]:
    known = {currency.code: currency for currency in words.CURRENCIES}
    used = dict.fromkeys(row.currency for row in rows)
    return [known.get(code, Currency(code, code, code, 2, Decimal(1))) for code in used]


def _contracts(
    rng: Random, rows: Sequence[LegacyRow], customers: Sequence[Customer]
) -> tuple[list[Contract], list[Milestone]]:
    grouped: dict[str, dict[str, list[LegacyRow]]] = {}
    for row in rows:
        grouped.setdefault(same_text(row.contract), {}).setdefault(same_text(row.line), []).append(row)
    contracts: list[Contract] = []
    milestones: list[Milestone] = []
    for lines in grouped.values():
        number, currency = next(iter(lines.values()))[0].contract, next(iter(lines.values()))[0].currency
        entity = _entity(currency)
        customer = rng.choice([c for c in customers if c.entity == entity.code])
        made = [_line(rng, number, n, group) for n, group in enumerate(lines.values(), start=1)]
        name = f"{rng.choice(words.UNDERTAKINGS)}, {customer.name}"
        contracts.append(Contract(number, name, entity.code, customer.account, currency, tuple(made), in_file=True))
        for line, group in zip(made, lines.values(), strict=True):
            milestones += [_milestone(number, line.name, row) for row in group]
    return contracts, milestones


def _entity(currency: str) -> LegalEntity:
    """The legal entity that keeps its ledger in this currency, else the first."""
    return next((e for e in words.ENTITIES if e.currency == currency), words.ENTITIES[0])


def _line(rng: Random, contract: str, number: int, rows: Sequence[LegacyRow]) -> Line:
    slug = re.sub(r"[^A-Za-z0-9]+", "", contract)[:14].upper() or "X"
    return Line(
        contract=contract,
        name=rows[0].line,
        number=number,
        description=rng.choice(words.WORK),
        billing=Billing.FIXED_PRICE,
        project=f"PRJ-{slug}-{number:02d}",
        amount=sum((row.amount for row in rows), Decimal(0)),
        tax=sum((row.tax for row in rows), Decimal(0)),
        dimensions=f"001-{rng.choice(words.COST_CENTRES)}-{rng.choice(words.DEPARTMENTS)}",
    )


def _milestone(contract: str, line: str, row: LegacyRow) -> Milestone:
    return Milestone(
        contract, line, row.name, row.amount, row.tax, row.currency, row.date, row.description, Standing.IN_FILE
    )


def _other_numbers(numbers: Sequence[str], taken: set[str]) -> dict[str, str]:
    """New numbers for the neighbours' contracts, far from the file's."""
    folded = {same_text(number) for number in taken}
    free = (f"CON-9{n:03d}" for n in range(1, 10_000) if same_text(f"CON-9{n:03d}") not in folded)
    return dict(zip(numbers, free, strict=False))


def _renumbered(contract: Contract, renamed: Mapping[str, str]) -> Contract:
    number = renamed[contract.number]
    tail = number.removeprefix("CON-")
    lines = tuple(replace(li, contract=number, project=f"PRJ-{tail}-{li.number:02d}") for li in contract.lines)
    return replace(contract, number=number, lines=lines)


def _moved(milestone: Milestone, renamed: Mapping[str, str]) -> Milestone:
    return replace(milestone, contract=renamed[milestone.contract])
