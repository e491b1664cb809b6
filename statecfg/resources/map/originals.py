"""What a map ran on before the window, and who says so (rules 3.2). Pure.

A recorded original counts before what the live system suggests; records that contradict each other block. A version
that a phase declares, or one whose mapping has the declared rows, is never taken for an original.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from statecfg.model.window import Original
from statecfg.resources.map.rows import names_any
from statecfg.resources.map.spec import MapLive, Version, VersionSpec


@dataclass(frozen=True, slots=True)
class Resolution:
    """The original of a map, or why none is known. problem: "" if there is one; code: the finding's."""

    original: Original | None = None
    problem: str = ""
    code: str = ""
    candidates: tuple[str, ...] = ()
    asks: bool = False


def resolve(live: MapLive, declared: Sequence[VersionSpec], fields: Iterable[str], untouched: bool) -> Resolution:
    """The original of one map.

    declared: every version that any phase declares for this map. fields: F&O fields that mark a cutover version.
    untouched: no milestone of the file has got anywhere yet, so the live system may still be asked.
    """
    recorded = live.recorded
    tainted = [original for original in recorded if _is_declared(original.identity, declared)]
    if tainted:
        return Resolution(None, _tainted(tainted[0]), "original-is-declared", _candidates(live, declared))
    inferred = _inferred(live, declared, fields, untouched)
    said = {(o.identity, o.running) for o in recorded}
    if len(said) > 1 or (recorded and inferred and inferred.identity != recorded[0].identity):
        return Resolution(None, _disagree([*recorded, *([inferred] if inferred else [])]), "originals-disagree")
    if recorded:
        return _present(recorded[0], live)
    if inferred:
        return Resolution(inferred)
    return _unknown(live, declared)


def _is_declared(identity: tuple[str, str], declared: Iterable[VersionSpec]) -> bool:
    return any(Version(spec.publisher, spec.number).identity == identity for spec in declared)


def _inferred(
    live: MapLive, declared: Sequence[VersionSpec], fields: Iterable[str], untouched: bool
) -> Original | None:
    """The active version, if nothing speaks against its being the original."""
    spoiled = names_any(live.rows, fields) or _is_declared(live.version.identity, declared)
    if spoiled or live.state != "running" or not untouched:
        return None
    return Original(live.name, live.version.publisher, live.version.number, live.version.id, "running", "live system")


def _present(original: Original, live: MapLive) -> Resolution:
    found = live.find(original.publisher, original.number)
    if found is None:
        what = f"the original of map/{live.name} is {original.publisher} {original.number}, but it isn't saved here"
        return Resolution(None, what, "original-missing", tuple(str(version) for version in live.versions))
    return Resolution(replace(original, publisher=found.publisher, id=original.id or found.id))


def _tainted(original: Original) -> str:
    return (
        f"{original.said_by} says that the original of map/{original.map} is {original.publisher} {original.number}, "
        "which a phase declares: it can't be the version from before"
    )


def _disagree(originals: Iterable[Original]) -> str:
    return "records of the original contradict each other: " + "; ".join(
        f"{original.said_by}: {original.publisher} {original.number}, {original.running}" for original in originals
    )


def _candidates(live: MapLive, declared: Sequence[VersionSpec]) -> tuple[str, ...]:
    return tuple(str(version) for version in live.versions if not _is_declared(version.identity, declared))


def _unknown(live: MapLive, declared: Sequence[VersionSpec]) -> Resolution:
    what = f"no record says what map/{live.name} ran on before the window, and the live system can't be believed"
    return Resolution(None, what, "original-unknown", _candidates(live, declared), asks=True)
