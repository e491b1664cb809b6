"""Knobs of a world: every inferred fact and every emulated habit is one, with its default and its meaning.

Each service declares its own settings when a world is composed; the values are kept in the world's store, so that
a restart and a snapshot carry them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# Seconds of some thirty years: the world's clock can be put forward or back by as much.
LARGEST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Setting:
    """A knob: its name (`service.what`), the value it has if nobody turns it, and what it does."""

    name: str
    default: Any
    meaning: str


class UnknownSetting(KeyError):
    """Nobody declared a setting of this name."""


class WrongValue(ValueError):
    """A setting can't have this value."""


class Settings:
    """The knobs of one world, by name; `settings["valuemap.missing"]`."""

    def __init__(self, values: Mapping[str, Any], save: Callable[[str, Any], None]) -> None:
        self._values = dict(values)
        self._declared: dict[str, Setting] = {}
        self._save = save

    def declare(self, name: str, default: Any, meaning: str) -> None:
        """Make a setting known; a value given when the world was made stays."""
        self._declared[name] = Setting(name, default, meaning)

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        try:
            return self._declared[name].default
        except KeyError:
            raise UnknownSetting(name) from None

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or `default` where nobody declared or gave one."""
        try:
            return self[name]
        except UnknownSetting:
            return default

    def __setitem__(self, name: str, value: Any) -> None:
        self._save(name, value)
        self._values[name] = value

    def __contains__(self, name: object) -> bool:
        return name in self._declared or name in self._values

    def __iter__(self) -> Iterator[Setting]:
        """The declared settings, by name."""
        return iter(sorted(self._declared.values(), key=lambda setting: setting.name))

    def change(self, changes: Mapping[str, Any]) -> None:
        """Turn several knobs, or none of them if one is unknown or its value isn't of its sort.

        Raises UnknownSetting, WrongValue.
        """
        for name in changes:
            if name not in self:
                raise UnknownSetting(name)
        fitting = {name: self._fitting(name, value) for name, value in changes.items()}
        for name, value in fitting.items():
            self[name] = value

    def _fitting(self, name: str, value: Any) -> Any:
        """A value of the same sort as the default; a number stands for a text that looks like one."""
        if name not in self._declared:
            return value
        sort = _sort(self._declared[name].default)
        if sort == "text" and _sort(value) == "number":
            return str(value)
        if _sort(value) != sort:
            raise WrongValue(f"{name} is a {sort}, which {value!r} isn't")
        if sort == "number" and not -LARGEST <= value <= LARGEST:
            raise WrongValue(f"{name} is at most {LARGEST}")
        return value

    def reload(self, values: Mapping[str, Any]) -> None:
        """Take over values read back from the store, as after a restored snapshot."""
        self._values = dict(values)

    def described(self) -> list[dict[str, Any]]:
        """Every declared setting: name, default, present value, meaning."""
        return [
            {"name": each.name, "default": each.default, "value": self[each.name], "meaning": each.meaning}
            for each in self
        ]

    def shown(self) -> dict[str, Any]:
        """Every setting with its present value."""
        names = {setting.name for setting in self} | set(self._values)
        return {name: self[name] for name in sorted(names)}


def _sort(value: Any) -> str:
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, (int, float, Decimal)):
        return "number"
    if isinstance(value, Mapping):
        return "object"
    return "text" if isinstance(value, str) else "list" if isinstance(value, (list, tuple)) else "nothing"
