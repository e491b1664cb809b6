"""Table maps, their versions and requests as values, and how the gateway's loosely known answers become them.

Pure: answers in, values out. Source: reference/dual-write.md, "Map model".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from statecfg.clients import loose
from statecfg.clients.loose import Members
from statecfg.model.errors import Rejected

# Source: reference/dual-write.md, "States".
NONE, STOPPED, INITIAL_SYNC, CATCH_UP, RUNNING, PAUSED, NOT_RUNNING = range(7)
STOPPED_STATES = frozenset({NONE, STOPPED, NOT_RUNNING})
BUSY_STATES = frozenset({INITIAL_SYNC, CATCH_UP})

# Source: reference/dual-write.md, "Status"; the words stand in one client's reading of it.
RequestState = Literal["waiting", "completed", "failed"]
_REQUEST_STATES: Mapping[str, RequestState] = {
    "1": "waiting",
    "2": "completed",
    "3": "failed",
    "completed": "completed",
    "succeeded": "completed",
    "failed": "failed",
    "error": "failed",
}


@dataclass(frozen=True, slots=True)
class Connection:
    """The link of two environments. cid and cname: its id and the name of its connection set."""

    cid: str
    cname: str
    powerapps_environment: str = ""


@dataclass(frozen=True, slots=True)
class MapVersion:
    """A version that a map can run on. publisher and number together tell versions apart; the id is the template's."""

    id: str
    publisher: str
    number: str
    description: str = ""
    managed: bool = False

    @property
    def identity(self) -> tuple[str, str]:
        """What two descriptions of one version agree on: publisher (case and spaces don't count) and number."""
        return (" ".join(self.publisher.split()).casefold(), self.number)


@dataclass(frozen=True, slots=True)
class MapRequest:
    """What became of one request on one map. A state that isn't known is `waiting`: it is no end."""

    id: str
    action: str
    state: RequestState
    error: str = ""


@dataclass(frozen=True, slots=True)
class TableMap:
    """A table map. name: `<entity set> - <F&O label>`. pid: its project, "" before it has one. state: 0..6, -1 unknown.

    active: the version it runs on, or would start on. requests: newest first.
    """

    name: str
    entity_set: str
    entity: str
    pid: str
    state: int
    active: MapVersion | None
    versions: tuple[MapVersion, ...] = ()
    requests: tuple[MapRequest, ...] = ()

    @property
    def running(self) -> Literal["running", "stopped", "paused", "busy", "unknown"]:
        """The running state in a word."""
        if self.state in STOPPED_STATES:
            return "stopped"
        if self.state in BUSY_STATES:
            return "busy"
        return "running" if self.state == RUNNING else "paused" if self.state == PAUSED else "unknown"

    @property
    def key(self) -> str:
        """What a request's outcome is filed under: the project, or the version for a map without one."""
        return self.pid or (self.active.id if self.active else self.name)


def found_in(maps: Sequence[TableMap], entity_set: str, entity: str) -> TableMap:
    """The one map of an entity set and an F&O label among `maps`; see `Gateway.find`."""
    of_set = [one for one in maps if one.entity_set.casefold() == entity_set.casefold()]
    exact = [one for one in of_set if one.entity.casefold() == entity.casefold()]
    found = exact or [one for one in of_set if _label(one.entity) == _label(entity)]
    if len(found) == 1:
        return found[0]
    candidates = "; ".join(f"{one.name} (project {one.pid or 'none'})" for one in found or of_set or maps[:5])
    raise Rejected(
        f"{len(found)} maps are `{entity_set} - {entity}`, exactly one is expected. There is: {candidates or 'no map'}",
        do="Correct `maps` in the inventory, or remove the map that is not meant.",
    )


def _label(text: str) -> tuple[str, ...]:
    """A label's words without their plural: the documentation writes both "proposal" and "proposals"."""
    return tuple(word.removesuffix("s") if len(word) > 3 else word for word in text.casefold().split())


def table_map(answer: Members) -> TableMap:
    """A map from one entry of Entities or Status."""
    detail = loose.member(answer, "detail")
    name = loose.text(detail, "tName")
    left, right = loose.member(answer, "leftEntity"), loose.member(answer, "rightEntity")
    set_said, _, label_said = name.partition(" - ")
    return TableMap(
        name=name,
        entity_set=loose.text(right, "name") or set_said,
        entity=label_said or loose.text(left, "displayName") or loose.text(left, "name"),
        pid=loose.text(detail, "pid"),
        state=loose.whole(detail, "state"),
        active=_active(detail),
        versions=tuple(_version(one) for one in loose.objects(detail, "templates")),
        requests=_requests(detail),
    )


def _active(detail: Any) -> MapVersion | None:
    """The active version; an answer may name it by its id alone."""
    template = loose.member(detail, "template")
    named = loose.text(template, "id") or loose.text(detail, "tid")
    listed = (_version(one) for one in loose.objects(detail, "templates") if named and loose.text(one, "id") == named)
    found = _version(template)
    return found if found.id and found.number else next(listed, found if found.id else None)


def _version(template: Any) -> MapVersion:
    return MapVersion(
        id=loose.text(template, "id", "msdyn_dualwriteentitymapid"),
        publisher=loose.text(template, "author"),
        number=loose.version(loose.member(template, "version")),
        description=loose.text(template, "description"),
        managed=loose.text(template, "readOnly") == "true",
    )


def _requests(detail: Any) -> tuple[MapRequest, ...]:
    listed = [request_of(one) for one in loose.objects(detail, "lastRequests")]
    last = loose.member(detail, "lastRequest")
    if last and loose.text(last, "requestId") not in {one.id for one in listed}:
        listed.insert(0, request_of(last))
    return tuple(listed)


def request_of(answer: Any) -> MapRequest:
    """A request as a map or the solutions' status tells of it."""
    said = loose.text(answer, "state", "status").strip().lower()
    words = [loose.text(answer, "errorMessage"), loose.text(answer, "errorUri")]
    activity = loose.text(answer, "rootActivityId")
    failed = _REQUEST_STATES.get(said, "waiting") == "failed"
    return MapRequest(
        id=loose.text(answer, "requestId", "id"),
        action=loose.text(answer, "action"),
        state=_REQUEST_STATES.get(said, "waiting"),
        error=" ".join(word for word in (*words, f"(activity {activity})" if failed and activity else "") if word),
    )


def legal_entities_of(connection_set: Any) -> tuple[tuple[str, str], ...]:
    """(F&O code, Dataverse code) of a connection set; which side is F&O's is said by its environment's target type."""
    mappings = loose.member(loose.member(connection_set, "dualWriteDetail"), "legalEntityMappings")
    left_is_finance = _target_of(connection_set, loose.text(mappings, "leftEnvironment")) != "CRM"
    sides = ("left", "right") if left_is_finance else ("right", "left")
    return tuple(
        (_entity_code(loose.member(one, sides[0])), _entity_code(loose.member(one, sides[1])))
        for one in loose.objects(mappings, "mappings")
    )


def _target_of(connection_set: Any, environment: str) -> str:
    environments = loose.member(connection_set, "environments")
    said = loose.text(loose.member(environments, environment), "targetType").upper()
    return "CRM" if "CDS" in said else said


def _entity_code(side: Any) -> str:
    return loose.text(side, "name") or loose.text(side, "id")
