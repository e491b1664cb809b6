"""What appeared in AR and GL between two looks at the sandbox's ledger, so that a test can name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Receivable:
    """An entry in AR. amount: in the invoice's currency, tax included."""

    company: str
    customer: str
    invoice: str
    amount: Decimal
    voucher: str = ""


@dataclass(frozen=True, slots=True)
class Damage:
    """New entries of AR, and of GL by company, voucher and posting type, in the accounting currency."""

    ar: tuple[Receivable, ...]
    gl: Mapping[tuple[str, str, str], Decimal]

    @property
    def vouchers(self) -> dict[tuple[str, str], Decimal]:
        """What the new AR entries ask for, by company and voucher."""
        return {(entry.company, entry.voucher): entry.amount for entry in self.ar}

    def debited(self, posting_type: str) -> dict[tuple[str, str], Decimal]:
        """What the new GL lines of a posting type come to, by company and voucher; a credit is negative."""
        return {(company, voucher): sum_ for (company, voucher, kind), sum_ in self.gl.items() if kind == posting_type}

    @property
    def amounts(self) -> dict[tuple[str, str], Decimal]:
        """Amounts of the new AR entries by customer and invoice."""
        return {(entry.customer, entry.invoice): entry.amount for entry in self.ar}


def damage(before: Mapping[str, Any], after: Mapping[str, Any]) -> Damage:
    """What the ledger holds now that it did not hold before."""
    return Damage(tuple(sorted(set(_receivables(after)) - set(_receivables(before)))), _new_lines(before, after))


def _receivables(ledger: Mapping[str, Any]) -> list[Receivable]:
    return [
        Receivable(company, row["customer"], row["invoice"], Decimal(row["amount"]), row["voucher"])
        for company, books in ledger.items()
        for row in books["ar"]["entries"]
    ]


def _new_lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[tuple[str, str, str], Decimal]:
    """Sums of the lines of vouchers that the general ledger did not have."""
    known = {(company, row["voucher"]) for company, books in before.items() for row in books["gl"]["entries"]}
    sums: dict[tuple[str, str, str], Decimal] = {}
    for company, books in after.items():
        for row in books["gl"]["entries"]:
            if (company, row["voucher"]) not in known:
                key = company, row["voucher"], row["posting_type"]
                sums[key] = sums.get(key, Decimal(0)) + Decimal(row["amount"])
    return sums
