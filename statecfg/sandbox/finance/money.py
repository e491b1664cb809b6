"""Amounts in the accounting currency of a legal entity.

Rates come from Dataverse's currencies, which the map of exchange rates keeps equal on both sides in a linked pair.
A rate there says how many units of a currency one unit of the base currency is worth.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

from statecfg.sandbox.finance.catalog import table_of
from statecfg.sandbox.world import Tx

CURRENCIES = "transactioncurrency"
_LEDGER_CURRENCY = f'SELECT "AccountingCurrency" FROM "{table_of("Ledgers")}" WHERE "LegalEntityId" = ?'  # noqa: S608
_CENT = Decimal("0.01")
_EXACT = Context(prec=40)


def accounting_currency(tx: Tx, company: str) -> str:
    """The currency a company's ledger is kept in, "" if it has no ledger."""
    # Asked for every row of a bulk write: only the one column is read.
    found = tx.connection.execute(_LEDGER_CURRENCY, (company,)).fetchone()
    return str(found[0]) if found else ""


def rate(tx: Tx, source: str, target: str) -> Decimal:
    """What one unit of `source` is worth in `target`; 1 where either is unknown or both are the same."""
    if source.upper() == target.upper() or not tx.world.has(CURRENCIES):
        return Decimal(1)
    known = {code: tx.find(CURRENCIES, isocurrencycode=code) for code in (source, target)}
    if not all(rows and rows[0].get("exchangerate") for rows in known.values()):
        return Decimal(1)
    return _EXACT.divide(known[target][0]["exchangerate"], known[source][0]["exchangerate"])


def to_accounting(tx: Tx, company: str, currency: str, amount: Decimal) -> Decimal:
    """An amount in the company's accounting currency, to the cent where a rate applies."""
    factor = rate(tx, currency, accounting_currency(tx, company))
    return amount if factor == 1 else _EXACT.multiply(amount, factor).quantize(_CENT, ROUND_HALF_UP, _EXACT)
