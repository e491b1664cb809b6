"""Reading maps: one look at all three witnesses serves every map of a round. Contacts services; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from statecfg.clients import witness
from statecfg.clients.hearing import carefully
from statecfg.clients.mapping import FieldMapping, Mapping_, Project
from statecfg.clients.tablemap import TableMap, found_in
from statecfg.clients.witness import FinanceRow, RuntimeRow
from statecfg.model.environment import MapNames
from statecfg.resources.map.rows import Enums
from statecfg.resources.map.spec import TRANSACTION_STATUS
from statecfg.resources.map.witnesses import Seen
from statecfg.resources.services import Services

ENUM_OF = {TRANSACTION_STATUS: "ProjTransStatus"}
"""Which F&O enum a field holds. Source: reference/finance-and-operations.md 9.1, 9.2."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at all witnesses saw. maps is None where the gateway isn't asked."""

    maps: tuple[TableMap, ...] | None
    runtime: tuple[RuntimeRow, ...]
    finance: tuple[FinanceRow, ...]


def look(services: Services) -> Round:
    """All three witnesses at once, uncached."""
    gateway = services.gateway
    with ThreadPoolExecutor(3, "witness") as pool:
        runtime = pool.submit(carefully, witness.runtime_rows, services.dataverse)
        finance = pool.submit(carefully, witness.finance_rows, services.finance)
        maps = pool.submit(carefully, gateway.maps) if gateway else None
        return Round(maps.result() if maps else None, runtime.result(), finance.result())


def seen_of(names: MapNames, round_: Round, mapping: Mapping_ | None) -> Seen:
    """What a round says of one map. mapping: its active version's; None = take the rows that run."""
    table_map = found_in(round_.maps, names.entity_set, names.entity) if round_.maps is not None else None
    label = table_map.entity if table_map else names.entity
    runtime = tuple(r for r in round_.runtime if same_pair(names.entity_set, label, r.entity_set, r.entity))
    finance = tuple(r for r in round_.finance if same_pair(names.entity_set, label, r.external, r.internal))
    number = table_map.active.number if table_map and table_map.active else ""
    rows = mapping.rows if mapping else tuple(row for each in runtime if each.active for row in each.rows)
    if table_map is None:
        number = next((each.version for each in runtime if each.active), "")
    return Seen(table_map, number, rows, runtime, finance)


def same_pair(entity_set: str, entity: str, other_set: str, other: str) -> bool:
    """Whether two pairs of entity set and F&O label name one map; case and plurals don't count."""
    return entity_set.casefold() == other_set.casefold() and _label(entity) == _label(other)


def _label(text: str) -> tuple[str, ...]:
    return tuple(word.removesuffix("s") for word in text.casefold().split())


@dataclass(slots=True)
class Reader:
    """Keeps what one round of reading saw, and mappings of saved versions, which don't change once saved."""

    services: Services
    _round: Round | None = None
    _saved: dict[str, Mapping_] = field(default_factory=dict)
    _enums: Enums | None = None
    _value_type: str | None = None

    def fresh(self) -> None:
        """The next read looks again."""
        self._round = None

    def round(self) -> Round:
        """The current round; looked at once."""
        if self._round is None:
            self._round = look(self.services)
        return self._round

    def enums(self) -> Enums:
        """Members and numbers of the enums that value maps name; asked for once."""
        if self._enums is None:
            self._enums = {column: self.services.finance.enum(name) for column, name in ENUM_OF.items()}
        return self._enums

    def project(self, table_map: TableMap) -> Project:
        """Mapping and cached schemas of a map's active version, uncached."""
        gateway = self.services.gateway
        assert gateway is not None
        if table_map.pid:
            return gateway.project(table_map.pid)
        version_id = table_map.active.id if table_map.active else ""
        rows = self.saved([version_id]).get(version_id, NO_MAPPING)
        return Project(table_map.name, rows.rows, rows.source_filter, rows.reversed_filter, (), {})

    def value_type(self, rows: Iterable[FieldMapping]) -> str:
        """The `$type` that value maps carry here: these rows' own, else that of any saved version; "" if none has one.

        Source: reference/dual-write.md, "Value transform".
        """
        own = next((row.value_type for row in rows if row.value_type), "")
        if not own and self._value_type is None:
            self._value_type = next(witness.value_types(self.services.dataverse), "")
        return own or self._value_type or ""

    def saved(self, ids: Iterable[str]) -> dict[str, Mapping_]:
        """The mappings of saved versions, by id; one that has no row is left out."""
        wanted = [one for one in dict.fromkeys(ids) if one]
        for one in wanted:
            if one not in self._saved:
                found = witness.saved_mapping(self.services.dataverse, one)
                if found:
                    self._saved[one] = Mapping_(found.rows, found.source_filter, found.reversed_filter)
        return {one: self._saved[one] for one in wanted if one in self._saved}


NO_MAPPING = Mapping_((), "", "")
Recorded = Callable[[str], tuple[object, ...]]
