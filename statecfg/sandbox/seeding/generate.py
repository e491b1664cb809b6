"""From three numbers to a company: how many contracts and milestones the legacy file holds, and the seed.

Pure and deterministic: the same numbers give the same company, to the last cent. Nothing here reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from statecfg.sandbox.seeding import words
from statecfg.sandbox.seeding.portfolio import (
    Billing,
    Contract,
    Customer,
    Invoice,
    LedgerEntry,
    LegalEntity,
    Line,
    Milestone,
    Portfolio,
    Standing,
    TimeEntry,
)

CENT = Decimal("0.01")
LEGACY_FIRST = date(2021, 2, 1)
LEGACY_LAST = date(2026, 6, 30)
LINES_AT_MOST = 40
CUSTOMERS_PER_ENTITY = 10
ADOPTED_SHARE = 100
OPEN_LINE_SHARE = 0.3
REMAINDER_SHARE = 0.15


def portfolio(contracts: int, milestones: int, seed: int, existing: int = 0) -> Portfolio:
    """A company whose legacy file holds `milestones` rows on `contracts` contracts.

    existing: open milestones more, on contracts that the file doesn't know (for worlds that are large already).
    """
    if contracts < 1 or milestones < 1 or existing < 0:
        raise ValueError("a world needs at least one contract and one milestone")
    rng = Random(f"statecfg/{seed}")  # noqa: S311 - repeatable worlds, no secrets
    customers = _customers(rng)
    ours = min(contracts, milestones)
    width = max(4, len(str(ours + _foreign_count(ours))))
    inside = [
        _contract_of_file(rng, f"CON-{n:0{width}d}", share, customers)
        for n, share in enumerate(_shares(rng, milestones, ours), start=1)
    ]
    rows = _with_adopted(rng, [m for _, made in inside for m in made])
    others = [_other_contract(rng, f"CON-{ours + n + 1:0{width}d}", n, customers) for n in range(_foreign_count(ours))]
    others = _with_existing(rng, others, existing)
    return Portfolio(
        seed=seed,
        currencies=tuple(c for c in words.CURRENCIES if c.code in words.TAX_RATES),
        entities=words.ENTITIES,
        customers=customers,
        contracts=(*(c for c, _ in inside), *(c for c, _ in others)),
        milestones=(*rows, *(m for _, made in others for m in made)),
        invoices=tuple(i for _, made in others for i in _invoices(made)),
        time_entries=tuple(t for n, (c, _) in enumerate(others) if n % 2 == 0 for t in _time_entries(rng, c)),
        ledger=tuple(_ledger(rng, words.ENTITIES, customers)),
    )


def _foreign_count(ours: int) -> int:
    return max(4, ours // 8)


def _customers(rng: Random) -> tuple[Customer, ...]:
    made = []
    for entity in words.ENTITIES:
        names = rng.sample(words.CUSTOMERS, CUSTOMERS_PER_ENTITY)
        prefix = entity.country[:2]
        made += [Customer(f"{prefix}-{n:03d}", name, entity.code) for n, name in enumerate(names, start=1)]
    return tuple(made)


def _shares(rng: Random, total: int, parts: int) -> list[int]:
    """`total` split into `parts` uneven shares of at least one."""
    weights = [rng.uniform(0.5, 1.5) for _ in range(parts)]
    whole = sum(weights)
    shares = [1 + int((total - parts) * w / whole) for w in weights]
    for n in range(total - sum(shares)):
        shares[n % parts] += 1
    return shares


def _contract_of_file(
    rng: Random, number: str, share: int, customers: Sequence[Customer]
) -> tuple[Contract, tuple[Milestone, ...]]:
    entity = rng.choices(words.ENTITIES, weights=words.ENTITY_WEIGHTS)[0]
    count = min(LINES_AT_MOST, math.ceil(share / 6))
    lines: list[Line] = []
    made: list[Milestone] = []
    for n, size in enumerate(_shares(rng, share, count), start=1):
        stones = _invoiced_milestones(rng, number, f"L{n}", size, entity)
        stones += _open_milestones(rng, number, f"L{n}", entity) if rng.random() < OPEN_LINE_SHARE else []
        lines.append(_fixed_line(rng, number, n, stones))
        made += stones
    if rng.random() < 0.4:
        lines.append(_time_line(rng, number, len(lines) + 1))
    customer = rng.choice([c for c in customers if c.entity == entity.code])
    return _contract(rng, number, entity, customer, lines, in_file=True), tuple(made)


def _contract(
    rng: Random, number: str, entity: LegalEntity, customer: Customer, lines: Sequence[Line], *, in_file: bool
) -> Contract:
    name = f"{rng.choice(words.UNDERTAKINGS)}, {customer.name}"
    return Contract(number, name, entity.code, customer.account, entity.currency, tuple(lines), in_file)


def _fixed_line(rng: Random, contract: str, number: int, milestones: Sequence[Milestone]) -> Line:
    amount = sum((m.amount for m in milestones), Decimal(0))
    if rng.random() < REMAINDER_SHARE:
        amount = (amount / 1000).to_integral_value(rounding="ROUND_CEILING") * 1000 + Decimal("5000.00")
    tax = sum((m.tax for m in milestones), Decimal(0))
    return Line(
        contract=contract,
        name=f"L{number}",
        number=number,
        description=rng.choice(words.WORK),
        billing=Billing.FIXED_PRICE,
        project=_project(contract, number),
        amount=amount.quantize(CENT),
        tax=tax.quantize(CENT),
        dimensions=_dimensions(rng),
    )


def _time_line(rng: Random, contract: str, number: int) -> Line:
    return Line(
        contract=contract,
        name=f"L{number}",
        number=number,
        description=f"{rng.choice(words.WORK)}, time and material",
        billing=Billing.TIME_AND_MATERIAL,
        project=_project(contract, number),
        amount=Decimal(rng.randrange(20, 200) * 1000).quantize(CENT),
        tax=Decimal("0.00"),
        dimensions=_dimensions(rng),
    )


def _project(contract: str, number: int) -> str:
    return f"PRJ-{contract.removeprefix('CON-')}-{number:02d}"


def _dimensions(rng: Random) -> str:
    """BusinessUnit-CostCenter-Department, as Finance displays a default ledger dimension."""
    return f"00{rng.randrange(1, 5)}-{rng.choice(words.COST_CENTRES)}-{rng.choice(words.DEPARTMENTS)}"


def _invoiced_milestones(rng: Random, contract: str, line: str, size: int, entity: LegalEntity) -> list[Milestone]:
    days = _dates(rng, size)
    return [
        _milestone(rng, contract, line, name, entity, day, f"Invoice R-{day:%Y}-{rng.randrange(1, 99999):05d}")
        for name, day in zip(_names(rng, size), days, strict=True)
    ]


def _open_milestones(rng: Random, contract: str, line: str, entity: LegalEntity) -> list[Milestone]:
    return [
        replace(
            _milestone(rng, contract, line, name, entity, date(2027, rng.randrange(1, 12), 15), "Still to come"),
            standing=Standing.OPEN,
        )
        for name in words.OPEN_MILESTONES[: rng.randrange(1, 3)]
    ]


def _milestone(
    rng: Random, contract: str, line: str, name: str, entity: LegalEntity, day: date, description: str
) -> Milestone:
    amount = (Decimal(rng.randrange(150_000, 4_500_000)) / 100).quantize(CENT)
    tax = (amount * words.TAX_RATES[entity.currency]).quantize(CENT)
    return Milestone(contract, line, name, amount, tax, entity.currency, day, description, Standing.IN_FILE)


def _names(rng: Random, size: int) -> list[str]:
    if size <= len(words.MILESTONES):
        return [words.MILESTONES[n] for n in sorted(rng.sample(range(len(words.MILESTONES)), size))]
    return [*words.MILESTONES, *(f"Instalment {n:03d}" for n in range(1, size - len(words.MILESTONES) + 1))]


def _dates(rng: Random, size: int) -> list[date]:
    span = (LEGACY_LAST - LEGACY_FIRST).days
    first = rng.randrange(span // 2)
    return [LEGACY_FIRST + timedelta(days=first + (span - first) * n // size) for n in range(size)]


def _with_adopted(rng: Random, milestones: list[Milestone]) -> list[Milestone]:
    """The same milestones, a few of the file's being in Dataverse already, made by hand."""
    of_file = [n for n, m in enumerate(milestones) if m.standing is Standing.IN_FILE]
    count = max(len(of_file) // ADOPTED_SHARE, 1 if len(of_file) > 4 else 0)
    for n in rng.sample(of_file, count):
        milestones[n] = replace(milestones[n], standing=Standing.BY_HAND)
    return milestones


def _other_contract(
    rng: Random, number: str, nth: int, customers: Sequence[Customer]
) -> tuple[Contract, tuple[Milestone, ...]]:
    """Posted and open milestones on the first line, drafted ones on the second (every other contract), then time."""
    known = tuple(e for e in words.ENTITIES if any(c.entity == e.code for c in customers))
    entity = known[nth % len(known)]
    posted = [
        replace(
            _milestone(rng, number, "L1", name, entity, date(2026, 2 + 2 * n, 20), "Invoiced here"),
            standing=Standing.POSTED,
        )
        for n, name in enumerate(words.MILESTONES[:3])
    ]
    posted.append(_open(rng, number, "L1", words.MILESTONES[3], entity))
    standing = Standing.DRAFTED if nth % 2 else Standing.OPEN
    second = [replace(_open(rng, number, "L2", name, entity), standing=standing) for name in words.MILESTONES[5:7]]
    lines = [_fixed_line(rng, number, 1, posted), _fixed_line(rng, number, 2, second), _time_line(rng, number, 3)]
    customer = rng.choice([c for c in customers if c.entity == entity.code])
    return _contract(rng, number, entity, customer, lines, in_file=False), (*posted, *second)


def _open(rng: Random, contract: str, line: str, name: str, entity: LegalEntity) -> Milestone:
    made = _milestone(rng, contract, line, name, entity, date(2026, rng.randrange(9, 13), 10), "")
    return replace(made, standing=Standing.OPEN)


def _with_existing(
    rng: Random, others: list[tuple[Contract, tuple[Milestone, ...]]], existing: int
) -> list[tuple[Contract, tuple[Milestone, ...]]]:
    if not existing:
        return others
    made = []
    for (contract, stones), share in zip(others, _shares(rng, existing, len(others)), strict=True):
        entity = next(e for e in words.ENTITIES if e.code == contract.entity)
        number = len(contract.lines) + 1
        more = [_open(rng, contract.number, f"L{number}", f"Instalment {n:05d}", entity) for n in range(1, share + 1)]
        line = _fixed_line(rng, contract.number, number, more)
        made.append((replace(contract, lines=(*contract.lines, line)), (*stones, *more)))
    return made


def _invoices(milestones: Sequence[Milestone]) -> Iterator[Invoice]:
    """Two posted invoices and, where milestones are drafted, one draft."""
    posted = [m for m in milestones if m.standing is Standing.POSTED]
    drafted = tuple(m for m in milestones if m.standing is Standing.DRAFTED)
    contract = posted[0].contract
    yield Invoice(contract, True, tuple(posted[:2]))
    yield Invoice(contract, True, tuple(posted[2:]))
    if drafted:
        yield Invoice(contract, False, drafted)


def _time_entries(rng: Random, contract: Contract) -> Iterator[TimeEntry]:
    line = contract.lines[2]
    for _ in range(rng.randrange(2, 5)):
        yield TimeEntry(
            contract=contract.number,
            line=line.name,
            description=rng.choice(words.TIME_WORK),
            hours=Decimal(rng.randrange(4, 33)) / 4,
            price=Decimal(rng.randrange(95, 240)),
            date=date(2026, 8, rng.randrange(1, 29)),
        )


def _ledger(rng: Random, entities: Sequence[LegalEntity], customers: Sequence[Customer]) -> Iterator[LedgerEntry]:
    """A year's older invoices of each legal entity; two thirds of them were paid since."""
    for entity in entities:
        accounts = [c.account for c in customers if c.entity == entity.code]
        for n in range(1, 13):
            account = rng.choice(accounts)
            day = date(2025, n, rng.randrange(1, 28))
            amount = Decimal(rng.randrange(50_000, 9_000_000)) / 100
            document = f"FTI-{entity.code.upper()}-{n:04d}"
            yield LedgerEntry(entity.code, account, f"ARFT{n:06d}", document, day, amount, entity.currency)
            if n % 3:
                paid = day + timedelta(days=30)
                yield LedgerEntry(entity.code, account, f"ARPM{n:06d}", document, paid, -amount, entity.currency)
