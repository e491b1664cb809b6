"""The query functions of Dataverse in a filter: In, Between, and the ones about days and months.

Source: reference/dataverse.md, "Queries and paging". Weeks begin on Monday and years in January here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from statecfg.sandbox.dataverse import errors
from statecfg.sandbox.dataverse.filtering import Call, Literal, Path
from statecfg.sandbox.dataverse.literals import stored_text, utc_moment
from statecfg.sandbox.dataverse.scopes import Build, Scope
from statecfg.sandbox.tables import Column

PREFIX = "Microsoft.Dynamics.CRM."
Span = tuple[datetime | None, datetime | None]
_LARGEST_COUNT = 100_000


def condition(build: Build, call: Call, scopes: Mapping[str, Scope]) -> str:
    """The SQL condition of a query function. Raises Refused."""
    name = call.name.removeprefix(PREFIX)
    given = {key: build.literal(node) for key, node in call.named}
    prop = given.get("PropertyName")
    if prop is None or not isinstance(prop.value, str):
        raise errors.bad_uri(f"The function '{name}' needs a PropertyName.")
    scope, column = build.place(Path(tuple(prop.value.split("/"))), scopes)
    sql = scope.sql(column.name)
    if name in _LISTS:
        values = [stored_text(column, value) for value in _members(given.get("PropertyValues"), name)]
        return _LISTS[name](build, sql, values)
    if name in _SPANS or name in _COUNTED:
        return _within(build, sql, column, _span(build, name, given.get("PropertyValue")))
    if name in _DAYS:
        return _by_day(build, sql, column, name, given.get("PropertyValue"))
    if name in ("EqualUserId", "NotEqualUserId"):
        sign = "IS" if name == "EqualUserId" else "IS NOT"
        return f"{sql} {sign} {build.bind(build.caller)}"
    raise errors.bad_uri(f"An unknown function with name '{call.name}' was found.")


def _members(literal: Literal | None, name: str) -> Sequence[Any]:
    if literal is None or literal.kind != "array" or not literal.value:
        raise errors.bad_uri(f"The function '{name}' needs PropertyValues.")
    members: Sequence[Any] = literal.value
    return members


def _in(build: Build, sql: str, values: Sequence[Any]) -> str:
    return build.among(sql, values)


def _not_in(build: Build, sql: str, values: Sequence[Any]) -> str:
    return f"({_in(build, sql, values)}) IS NOT TRUE"


def _between(build: Build, sql: str, values: Sequence[Any]) -> str:
    if len(values) != 2:
        raise errors.bad_uri("The function 'Between' needs two PropertyValues.")
    return f"{sql} BETWEEN {build.bind(values[0])} AND {build.bind(values[1])}"


def _not_between(build: Build, sql: str, values: Sequence[Any]) -> str:
    return f"({_between(build, sql, values)}) IS NOT TRUE"


_LISTS: dict[str, Callable[[Build, str, Sequence[Any]], str]] = {
    "In": _in,
    "NotIn": _not_in,
    "Between": _between,
    "NotBetween": _not_between,
}


def _span(build: Build, name: str, literal: Literal | None) -> Span:
    # Rows hold whole seconds: what was written in this very second lies before now.
    now = build.world.now() + timedelta(seconds=1)
    if name in _SPANS:
        return _SPANS[name](now)
    try:
        count = int(literal.value) if literal is not None else 0
    except (TypeError, ValueError, ArithmeticError) as cause:
        raise errors.bad_uri(f"The function '{name}' needs a whole PropertyValue.") from cause
    if not 0 < count <= _LARGEST_COUNT:
        raise errors.bad_uri(f"The function '{name}' needs a positive PropertyValue.")
    try:
        return _COUNTED[name](now, count)
    except (OverflowError, ValueError) as cause:
        raise errors.bad_uri(f"The PropertyValue of '{name}' is too large.") from cause


def _within(build: Build, sql: str, column: Column, span: Span) -> str:
    """From the first moment up to, not including, the second."""
    parts = []
    for sign, moment in ((">=", span[0]), ("<", span[1])):
        if moment is not None:
            parts.append(f"{sql} {sign} {build.bind(_text(column, moment))}")
    return " AND ".join(parts)


def _by_day(build: Build, sql: str, column: Column, name: str, literal: Literal | None) -> str:
    try:
        day = datetime.fromisoformat(utc_moment(str(literal.value if literal else "")))
        first, after = _day(day), _day(day) + timedelta(days=1)
    except (ValueError, OverflowError) as cause:
        raise errors.bad_uri(f"The function '{name}' needs a date as PropertyValue.") from cause
    spans: dict[str, Span] = {
        "On": (first, after), "NotOn": (first, after), "OnOrBefore": (None, after), "OnOrAfter": (first, None)
    }  # fmt: skip
    within = _within(build, sql, column, spans[name])
    return f"({within}) IS NOT TRUE" if name == "NotOn" else within


def _text(column: Column, moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d" if column.type == "date" else "%Y-%m-%dT%H:%M:%SZ")


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _week(moment: datetime) -> datetime:
    return _day(moment) - timedelta(days=moment.weekday())


def _month(moment: datetime, shift: int = 0) -> datetime:
    months = moment.year * 12 + moment.month - 1 + shift
    return _day(moment).replace(year=months // 12, month=months % 12 + 1, day=1)


def _year(moment: datetime, shift: int = 0) -> datetime:
    return _day(moment).replace(year=moment.year + shift, month=1, day=1)


_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_DAYS = ("On", "NotOn", "OnOrBefore", "OnOrAfter")
_SPANS: dict[str, Callable[[datetime], Span]] = {
    "Today": lambda now: (_day(now), _day(now) + _DAY),
    "Yesterday": lambda now: (_day(now) - _DAY, _day(now)),
    "Tomorrow": lambda now: (_day(now) + _DAY, _day(now) + 2 * _DAY),
    "ThisWeek": lambda now: (_week(now), _week(now) + _WEEK),
    "LastWeek": lambda now: (_week(now) - _WEEK, _week(now)),
    "NextWeek": lambda now: (_week(now) + _WEEK, _week(now) + 2 * _WEEK),
    "ThisMonth": lambda now: (_month(now), _month(now, 1)),
    "LastMonth": lambda now: (_month(now, -1), _month(now)),
    "NextMonth": lambda now: (_month(now, 1), _month(now, 2)),
    "ThisYear": lambda now: (_year(now), _year(now, 1)),
    "LastYear": lambda now: (_year(now, -1), _year(now)),
    "NextYear": lambda now: (_year(now, 1), _year(now, 2)),
    "Last7Days": lambda now: (_day(now) - _WEEK, now),
    "Next7Days": lambda now: (now, _day(now) + _WEEK + _DAY),
}
_COUNTED: dict[str, Callable[[datetime, int], Span]] = {
    "LastXHours": lambda now, n: (now - timedelta(hours=n), now),
    "NextXHours": lambda now, n: (now, now + timedelta(hours=n)),
    "LastXDays": lambda now, n: (_day(now) - n * _DAY, now),
    "NextXDays": lambda now, n: (now, _day(now) + (n + 1) * _DAY),
    "LastXWeeks": lambda now, n: (_day(now) - n * _WEEK, now),
    "NextXWeeks": lambda now, n: (now, _day(now) + n * _WEEK + _DAY),
    "LastXMonths": lambda now, n: (_month(now, -n).replace(day=min(now.day, 28)), now),
    "NextXMonths": lambda now, n: (now, _month(now, n).replace(day=min(now.day, 28)) + _DAY),
    "LastXYears": lambda now, n: (_year(now, -n).replace(month=now.month, day=min(now.day, 28)), now),
    "NextXYears": lambda now, n: (now, _year(now, n).replace(month=now.month, day=min(now.day, 28)) + _DAY),
    "OlderThanXMinutes": lambda now, n: (None, now - timedelta(minutes=n)),
    "OlderThanXHours": lambda now, n: (None, now - timedelta(hours=n)),
    "OlderThanXDays": lambda now, n: (None, now - n * _DAY),
    "OlderThanXWeeks": lambda now, n: (None, now - n * _WEEK),
    "OlderThanXMonths": lambda now, n: (None, _month(now, -n).replace(day=min(now.day, 28))),
    "OlderThanXYears": lambda now, n: (None, _year(now, -n).replace(month=now.month, day=min(now.day, 28))),
}
