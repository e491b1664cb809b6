"""What is on an invoice, held against the milestones that ought to be on it (rules 6.1, 6.2). Pure.

A line detail doesn't name its milestone: it is matched by contract line, text and amounts, or by the invoice
schedule where the environment keeps one (`invoice_link`). Equal ones of ours are interchangeable.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from statecfg.resources.milestones.assess import WHOLE, digest_of
from statecfg.resources.milestones.key import normal
from statecfg.resources.milestones.wording import money


class Item(NamedTuple):
    """A line detail of an invoice. extended None = the environment has no such column. is_milestone: its class
    is Milestone, and it corrects nothing."""

    line: str
    text: str
    amount: Decimal
    tax: Decimal
    extended: Decimal | None
    is_milestone: bool = True


class Stone(NamedTuple):
    """A milestone as it ought to be on an invoice."""

    id: str
    line: str
    name: str
    description: str
    amount: Decimal
    tax: Decimal
    currency: str = ""


def digest_of_stones(stones: Iterable[Stone]) -> str:
    """An order-free digest over ids, lines, amounts, taxes and currencies, hex."""
    whole = sum(digest_of(_facts(stone)) for stone in stones) % WHOLE
    return f"{whole:032x}"


def _facts(stone: Stone) -> bytes:
    amounts = f"{stone.amount.normalize():f}|{stone.tax.normalize():f}"
    return f"{stone.id}|{stone.line}|{amounts}|{stone.currency.upper()}".encode()


def differences(items: Sequence[Item], stones: Sequence[Stone], *, by_text: bool) -> tuple[str, ...]:
    """Every way in which an invoice is not exactly these milestones, in words; empty if it is exactly these.

    by_text: the details carry a text of their milestones; without it schedules say which they are, elsewhere.
    """
    left: dict[Amounts, list[Stone]] = defaultdict(list)
    for stone in stones:
        left[(stone.line, stone.amount, stone.tax)].append(stone)
    wrong = []
    for item in items:
        same = left[(item.line, item.amount, item.tax)]
        taken = _taken(item, same, by_text) if item.is_milestone else None
        if taken:
            same.remove(taken)
        else:
            what = "is not one of ours" if item.is_milestone else "is no milestone"
            wrong.append(f"{item.text or 'a line'} ({money(item.amount)}, tax {money(item.tax)}) {what}")
        if item.extended is not None and item.extended != item.amount + item.tax:
            whole = money(item.amount + item.tax)
            wrong.append(f"{item.text}: the extended amount is {money(item.extended)}, not {whole}")
    wrong += [f"{stone.name} is missing" for same in left.values() for stone in same]
    return tuple(wrong)


Amounts = tuple[str, Decimal, Decimal]
"""Contract line, amount, tax."""


def _taken(item: Item, stones: Sequence[Stone], by_text: bool) -> Stone | None:
    """The milestone that a line detail is for, by its name, else by its description."""
    if not by_text:
        return next(iter(stones), None)
    text = normal(item.text)
    named = (stone for stone in stones if normal(stone.name) == text)
    described = (stone for stone in stones if stone.description and normal(stone.description) == text)
    return next(named, None) or next(described, None)


class Claims:
    """Which invoice each of our milestones is on, counted while line details stream by; nothing a detail is kept."""

    def __init__(self, *, by_text: bool) -> None:
        self._by_text = by_text
        self._open: Counter[int] = Counter()

    def expect(self, contract: str, is_confirmed: bool, stone: Stone, *, described: bool = False) -> None:
        """One of ours is on a draft, or on a confirmed invoice, of this contract."""
        text = normal(stone.description if described else stone.name) if self._by_text else ""
        self._open[self._key(contract, is_confirmed, (stone.line, text, stone.amount, stone.tax))] += 1

    def take(self, contract: str, is_confirmed: bool, item: Item) -> bool:
        """Whether a line detail is one of ours; each of ours is taken once.

        Milestones are read before invoices: one that stood on a draft then may be on a confirmed invoice by now.
        """
        if not item.is_milestone:
            return False
        text = normal(item.text) if self._by_text else ""
        place = (item.line, text, item.amount, item.tax)
        keys = [self._key(contract, stage, place) for stage in ((True, False) if is_confirmed else (False,))]
        key = next((key for key in keys if self._open[key] > 0), None)
        if key is None:
            return False
        self._open[key] -= 1
        return True

    @staticmethod
    def _key(contract: str, is_confirmed: bool, place: tuple[str, str, Decimal, Decimal]) -> int:
        line, text, amount, tax = place
        facts = f"{contract}|{is_confirmed}|{line}|{text}|{amount.normalize():f}|{tax.normalize():f}"
        return digest_of(facts.encode()) & 0xFFFF_FFFF_FFFF_FFFF
