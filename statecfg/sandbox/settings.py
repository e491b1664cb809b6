"""Knobs of a world: every inferred fact and every emulated habit is one, with its default and its meaning.

Each service declares its own settings when a world is composed; the values are kept in the world's store, so that
a restart and a snapshot carry them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """A knob: its name (`service.what`), the value it has if nobody turns it, and what it does."""

    name: str
    default: Any
    meaning: str


class UnknownSetting(KeyError):
    """Nobody declared a setting of this name."""


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
        """Turn several knobs, or none of them if one is unknown. Raises UnknownSetting."""
        for name in changes:
            if name not in self:
                raise UnknownSetting(name)
        for name, value in changes.items():
            self[name] = value

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
