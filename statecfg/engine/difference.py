"""What differs between two values, leaf by leaf, for people to read. deepdiff lives here and nowhere else.

It explains; it doesn't detect: whoever asks has already compared with `==`. Lists of records are never given to it
(index them by key first), and its JSON and Delta are never used: they turn Decimal into float.
"""

from __future__ import annotations

from typing import Any

from statecfg.model.plan import FieldChange


def differences(old: Any, new: Any) -> tuple[FieldChange, ...]:
    """Every leaf that differs, by path (`version.number`), in the order of paths; empty if the two are equal.

    old, new: dicts, lists, tuples, dataclasses and plain values, nested. A missing leaf is None on its side.
    """
    if old == new:
        return ()
    from deepdiff import DeepDiff

    found = DeepDiff(old, new, threshold_to_diff_deeper=0, ignore_private_variables=False, view="tree")
    leaves = [_leaf(level) for levels in found.values() for level in levels]
    return tuple(sorted(leaves, key=lambda leaf: leaf.path)) or (FieldChange("", old, new),)


def _leaf(level: Any) -> FieldChange:
    path = ".".join(str(part) for part in level.path(output_format="list"))
    return FieldChange(path, _present(level.t1), _present(level.t2))


def _present(value: Any) -> Any:
    return None if type(value).__name__ == "NotPresent" else value
