"""Writing Dataverse rows by the platform's rules, for the Web API and for every other service of the sandbox.

What a row gets on its own (owner, times, rates, base amounts, computed columns), what is checked, and who is told: all
of it happens here, inside the caller's transaction. It knows no HTTP. Use it instead of `tx.insert` wherever dual-write
must hear of the write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.catalog import BY_NAME, TABLES
from statecfg.sandbox.dataverse.tombstones import remember
from statecfg.sandbox.hooks import CREATE, DELETE, UPDATE
from statecfg.sandbox.tables import Column, Table, Target
from statecfg.sandbox.world import Duplicate, OutOfRange, Row, Tx

# The platform's own user, who makes what nobody asked for.
SYSTEM_USER = "00000000-0000-4000-8000-000000000001"
# The application user that writes what dual-write carries from the other side.
DUAL_WRITE_USER = "00000000-0000-4000-8000-000000000002"

Changes = Mapping[str, Any]
_CENT_OF_CENT = Decimal("0.0001")


def create(tx: Tx, table: str, values: Changes) -> Row:
    """Create one row and tell the listeners. Raises Refused, PropagationFailed."""
    return create_many(tx, table, (values,))[0]


def create_many(tx: Tx, table: str, rows: Iterable[Changes]) -> list[Row]:
    """Create rows of one table, all or none; the listeners hear of them together. Raises Refused, PropagationFailed.

    Returns the rows that were asked for; others may come with them, where an app divides what it is given.
    """
    described = BY_NAME[table]
    facts = _Facts(tx)
    asked, further = tx.world.hooks.divided(tx, table, tuple(rows))
    created = [_created(tx, described, values, facts) for values in (*asked, *further)]
    tx.world.hooks.after_changes(tx, table, CREATE, [(None, row) for row in created])
    return created[: len(asked)]


def update(tx: Tx, table: str, key: str, changes: Changes) -> Row:
    """Change one row and tell the listeners. Raises Refused (also when it doesn't exist), PropagationFailed."""
    return update_many(tx, table, ((key, changes),))[0]


def update_many(tx: Tx, table: str, changes: Iterable[tuple[str, Changes]]) -> list[Row]:
    """Change rows of one table, all or none; the listeners hear of them together. Raises Refused, PropagationFailed."""
    described = BY_NAME[table]
    facts = _Facts(tx)
    pairs = [_updated(tx, described, key, each, facts) for key, each in changes]
    tx.world.hooks.after_changes(tx, table, UPDATE, pairs)
    return [after for _, after in pairs]


def delete(tx: Tx, table: str, key: str) -> None:
    """Delete one row, and what the relations say about rows that point to it. Raises Refused, PropagationFailed."""
    described = BY_NAME[table]
    before = tx.get(table, key)
    if before is None:
        raise errors.does_not_exist(described, key)
    tx.world.hooks.guard(tx, table, DELETE, before, None)
    _release(tx, described, key)
    tx.delete(table, key)
    remember(tx, table, key, tx.next_number("dataverse.versionnumber"))
    tx.world.hooks.after_change(tx, table, DELETE, before, None)


class _Facts:
    """What one request looks up again and again: rates, base currency, which rows exist."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._rates: dict[str, Decimal] = {}
        self._known: set[tuple[str, str]] = set()
        self._currency: str | None = None
        self._has_currency = False
        self.now = tx.world.timestamp()
        self.user = tx.caller or (DUAL_WRITE_USER if tx.from_peer else SYSTEM_USER)

    def rate(self, currency: str) -> Decimal:
        """Units of the currency for one unit of base currency."""
        if currency not in self._rates:
            row = self._tx.get("transactioncurrency", currency)
            self._rates[currency] = row["exchangerate"] if row else Decimal(1)
        return self._rates[currency]

    def base_currency(self) -> str | None:
        """The organization's currency, None while there is none."""
        if not self._has_currency:
            found = next(self._tx.select("organization", limit=1), None)
            self._currency, self._has_currency = (found or {}).get("basecurrencyid"), True
        return self._currency

    def exists(self, table: str, key: str) -> bool:
        """Whether a row is there."""
        if (table, key) not in self._known and self._tx.get(table, key) is not None:
            self._known.add((table, key))
        return (table, key) in self._known


def _created(tx: Tx, table: Table, values: Changes, facts: _Facts) -> Row:
    tx.world.hooks.guard(tx, table.name, CREATE, None, values)
    shape = tx.world.shape(table.name)
    row = {**shape.defaults, **_checked(tx, table, values, facts)}
    _stamp_new(shape.columns, row, facts)
    _settle_state(table, shape.columns, row, values)
    row.update(_derived(table, shape.columns, row, facts))
    return _stored(table, lambda: tx.insert(table.name, row))


def _updated(tx: Tx, table: Table, key: str, changes: Changes, facts: _Facts) -> tuple[Row, Row]:
    before = tx.get(table.name, key)
    if before is None:
        raise errors.does_not_exist(table, key)
    tx.world.hooks.guard(tx, table.name, UPDATE, before, changes)
    columns = tx.world.shape(table.name).columns
    new = dict(_checked(tx, table, changes, facts))
    new.update({"modifiedon": facts.now, "modifiedby": facts.user})
    merged = {**before, **new}
    _settle_state(table, columns, merged, changes)
    merged.update(_derived(table, columns, merged, facts))
    new = {name: value for name, value in merged.items() if name in new or value != before[name]}
    return before, _stored(table, lambda: tx.update(table.name, key, new))


def _stored(table: Table, write: Callable[[], Row]) -> Row:
    try:
        return write()
    except Duplicate as found:
        raise errors.duplicate(table, found) from found
    except OutOfRange as cause:
        raise errors.out_of_range(table, "", cause) from cause


def _checked(tx: Tx, table: Table, values: Changes, facts: _Facts) -> Changes:
    """The values, if each fits its column and each reference leads somewhere. Raises Refused."""
    columns = tx.world.shape(table.name).columns
    for name, value in values.items():
        if value is None:
            continue
        if name not in columns:
            raise errors.invalid_property(name, table)
        _check(table, columns[name], value)
        if columns[name].type == "lookup":
            _check_reference(columns[name], values, value, facts)
    return values


def _check(table: Table, column: Column, value: Any) -> None:
    if column.type in ("string", "memo"):
        if column.length and len(value) > column.length:
            raise errors.too_long(table, column.name, column.length)
    elif column.type == "choice":
        if all(option.value != value for option in column.options):
            raise errors.out_of_range(table, column.name, value)
    elif _beyond(column, value):
        raise errors.out_of_range(table, column.name, value)


def _beyond(column: Column, value: Any) -> bool:
    return (column.minimum is not None and value < column.minimum) or (
        column.maximum is not None and value > column.maximum
    )


def _check_reference(column: Column, values: Changes, key: str, facts: _Facts) -> None:
    named = values.get(f"{column.name}type") if len(column.targets) > 1 else column.targets[0].table
    target = next((t for t in column.targets if t.table == named), column.targets[0])
    if not facts.exists(target.table, key):
        raise errors.does_not_exist(BY_NAME[target.table], key)


def _stamp_new(columns: Mapping[str, Column], row: Row, facts: _Facts) -> None:
    overridden = row.get("overriddencreatedon")
    row["createdon"] = f"{overridden}T00:00:00Z" if overridden else facts.now
    row["modifiedon"] = facts.now
    row["createdby"] = row["modifiedby"] = facts.user
    if "ownerid" in columns and not row.get("ownerid"):
        row["ownerid"] = facts.user
    if "transactioncurrencyid" in columns and not row.get("transactioncurrencyid"):
        row["transactioncurrencyid"] = facts.base_currency()


def _settle_state(table: Table, columns: Mapping[str, Column], row: Row, given: Changes) -> None:
    """A state without a status takes its first one, a status without a state takes the state with it."""
    if "statuscode" not in columns or not ({"statecode", "statuscode"} & given.keys()):
        return
    statuses = {option.value: option.state for option in columns["statuscode"].options}
    if given.get("statuscode") is None:
        row["statuscode"] = next((value for value, of in statuses.items() if of == row["statecode"]), None)
    elif given.get("statecode") is None:
        row["statecode"] = statuses[row["statuscode"]]
    if statuses.get(row["statuscode"]) != row["statecode"]:
        raise errors.invalid_status(table, row["statuscode"], row["statecode"])


def _derived(table: Table, columns: Mapping[str, Column], row: Row, facts: _Facts) -> Row:
    """What the platform computes from the rest of the row: own formulas first, then rate and base amounts."""
    derived: Row = COMPUTED[table.name](row) if table.name in COMPUTED else {}
    currency = row.get("transactioncurrencyid")
    if currency is None or "exchangerate" not in columns:
        return derived
    rate = derived["exchangerate"] = facts.rate(currency)
    for name in BASE_AMOUNTS[table.name]:
        amount = derived[name] if name in derived else row.get(name)
        derived[f"{name}_base"] = None if amount is None else _exchanged(amount, rate)
    return derived


def _exchanged(amount: Any, rate: Decimal) -> Decimal:
    exact = Decimal(amount)
    return exact if rate == 1 else (exact / rate).quantize(_CENT_OF_CENT, ROUND_HALF_UP)


def _milestone(row: Row) -> Row:
    amount, tax = row.get("msdyn_amount"), row.get("msdyn_tax")
    both = None if amount is None and tax is None else Decimal(amount or 0) + Decimal(tax or 0)
    return {"msdyn_amount_after_tax": both}


def _contact(row: Row) -> Row:
    return {"fullname": " ".join(part for part in (row.get("firstname"), row.get("lastname")) if part) or None}


COMPUTED: dict[str, Callable[[Row], Row]] = {
    "contact": _contact,
    "msdyn_contractlinescheduleofvalue": _milestone,
}


def _amounts_with_base(table: Table) -> tuple[str, ...]:
    names = {column.name for column in table.columns}
    return tuple(c.name for c in table.columns if c.type == "money" and f"{c.name}_base" in names)


BASE_AMOUNTS: dict[str, tuple[str, ...]] = {table.name: _amounts_with_base(table) for table in TABLES}


def _references_to() -> dict[str, list[tuple[Table, Column, Target]]]:
    found: dict[str, list[tuple[Table, Column, Target]]] = {table.name: [] for table in TABLES}
    for table in TABLES:
        for column in table.columns:
            for target in column.targets:
                if column.name not in ("createdby", "modifiedby"):
                    found[target.table].append((table, column, target))
    return found


REFERENCES = _references_to()


def _release(tx: Tx, table: Table, key: str) -> None:
    """Deal with the rows that point to one that goes: refuse, delete them as well, or let them point nowhere."""
    pointing = [(*reference, _pointing(tx, *reference, key)) for reference in REFERENCES[table.name]]
    for other, _, target, rows in pointing:
        if rows and target.on_delete == "restrict":
            raise errors.delete_restricted(table, other.name)
    for other, column, target, rows in pointing:
        for row in rows:
            if target.on_delete == "cascade":
                # An earlier cascade of this same delete may have taken it already.
                if tx.get(other.name, row) is not None:
                    delete(tx, other.name, row)
            else:
                update(tx, other.name, row, {column.name: None})


def _pointing(tx: Tx, table: Table, column: Column, target: Target, key: str) -> Sequence[str]:
    equals = {column.name: key}
    if len(column.targets) > 1:
        equals[f"{column.name}type"] = target.table
    return [row[table.key[0]] for row in tx.find(table.name, **equals)]
