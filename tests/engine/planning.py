"""A phase with the three maps as the product knows them, and records of a tiny kind of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

from statecfg.clients.mapping import FieldMapping, Mapping_
from statecfg.engine.planner import Draft, draft
from statecfg.model.address import NOWHERE, Address
from statecfg.model.declared import Condition, Desired, Live, Phase
from statecfg.model.environment import MapNames, OriginalVersion, Waits
from statecfg.model.environment import Maps as MapSettings
from statecfg.model.kind import CLEAR, REACHED, Kind, Receipt, Settlement
from statecfg.model.plan import Change, Step
from statecfg.resources.map.kind import Maps
from statecfg.resources.map.spec import MapLive, MappingRow, MapSpec, Version, VersionSpec, Witnesses

ORIGINAL = Version("Microsoft", "1.0.0.7", "id-7")
CUTOVER = Version("Default publisher", "1.0.0.8", "id-8")
OTHER = Version("Microsoft", "1.0.0.19", "id-19")
ROWS = Mapping_((FieldMapping("AMOUNT", "msdyn_amount", 2),), "", "")
STATUS = FieldMapping("TRANSSTATUS", "msdyn_invoicestatus", 2, {"4": "192350001"})
CUTOVER_ROWS = Mapping_((*ROWS.rows, STATUS), "", "")
DECLARED = VersionSpec(
    "Default publisher",
    "1.0.0.8",
    mappings=(MappingRow("TRANSSTATUS", "msdyn_invoicestatus", "to_finance", {"4": "192350001"}),),
)
NAMES = ("milestones", "actuals", "invoices")


@dataclass(frozen=True)
class Sheet:
    """Records of the test: how many are to be written, and the verb for it."""

    open: int
    in_flight: bool = False


class Sheets(Kind):
    """A kind whose records are a number. Writes them in one step, named after the resource."""

    name: ClassVar[str] = "sheet"
    Spec: ClassVar[type] = Sheet
    Row: ClassVar[type | None] = None

    def needs(self, desired: Desired) -> tuple[Address, ...]:
        return (Address("sheet", "milestones"),) if desired.address.name == "invoices" else ()

    def read(self, desired: Desired, seen: Any) -> Live:
        return Live(desired.address, desired.spec)

    def findings(self, desired: Desired, live: Live, seen: Any) -> Iterable[Any]:
        return ()

    def under(self, desired: Desired, condition: Condition) -> Desired:
        return desired

    def compare(self, desired: Desired, live: Live, seen: Any) -> Change | None:
        return Change(desired, live) if live.value.open else None

    def settled(self, change: Change) -> None:
        return None

    def steps(self, changes: Sequence[Change], seen: Any) -> Sequence[Step]:
        return [
            Step(c.desired.address, "write", f"write {c.live.value.open}", moment="batch", count=c.live.value.open)
            for c in changes
        ]

    def pending(self, desired: Desired, live: Live, seen: Any) -> Sequence[Step]:
        return (Step(desired.address, "wait", "wait", sends=False),) if live.value.in_flight else ()

    def after(self, change: Change) -> Live:
        return replace(change.live, value=Sheet(0))

    def unchanged(self, desired: Desired, live: Live, seen: Any) -> None:
        return None

    def summary(self, desired: Desired, live: Live, seen: Any) -> None:
        return None

    def world(self, desired: Desired, live: Live) -> Iterable[Any]:
        return ()

    def fence(self, step: Step, batch: Any, desired: Desired) -> Any:
        return CLEAR

    def perform(self, step: Step, batch: Any) -> Receipt:
        return Receipt()

    def settle(self, step: Step, batch: Any, since: float) -> Settlement:
        return Settlement()

    def observe(self, step: Step, batch: Any, receipt: Any) -> Any:
        return REACHED

    def drift(self, desired: Desired, live: Live, seen: Any) -> Iterable[Any]:
        return ()


def a_map(name: str, state: str = "running", version: Version | None = None, **facts: Any) -> MapLive:
    """A map as it is: by default running on its original, which the inventory records."""
    base = ORIGINAL if name == "milestones" else OTHER
    version = version or base
    mapping = CUTOVER_ROWS if version == CUTOVER else ROWS
    saved = {base.id: ROWS, version.id: mapping}
    live = MapLive(
        name=name,
        state=state,  # type: ignore[arg-type]
        version=version,
        mapping=mapping,
        witnesses=Witnesses("running", "running", "silent"),
        versions=(base, version),
        saved=saved,
    )
    return replace(live, **facts)


def kinds(stopped_before: Sequence[str] = ()) -> dict[str, Kind]:
    """The real kind of maps, for an inventory that records the originals; and sheets."""

    def names(name: str, label: MapNames) -> MapNames:
        base = ORIGINAL if name == "milestones" else OTHER
        running = "stopped" if name in stopped_before else "running"
        return replace(label, original=OriginalVersion(base.publisher, base.number, running))  # type: ignore[arg-type]

    plain = MapSettings()
    settings = MapSettings(**{name: names(name, getattr(plain, name)) for name in NAMES})
    environment = SimpleNamespace(
        maps=settings, waits=Waits(), map_row=SimpleNamespace(restore_solution="Default"),
        environment_class="sandbox", is_production=False,
    )  # fmt: skip
    services: Any = SimpleNamespace(environment=environment, gateway=object(), window=lambda: None)
    maps = Maps(services, {"milestones": (DECLARED,)})
    maps._reader._enums = {"TRANSSTATUS": {"NoStatus": 0, "Invoiced": 4}}
    return {"map": maps, "sheet": Sheets()}


def _address(name: str) -> Address:
    return Address("map", name)


def cutover() -> Phase:
    """The phase `cutover`, with two sheets in the place of milestones and invoices."""
    maps = [Desired(_address("milestones"), MapSpec(DECLARED, "stopped"), NOWHERE, "cutover")]
    maps += [Desired(_address(name), MapSpec(None, "stopped"), NOWHERE, "cutover") for name in NAMES[1:]]
    running = {"running": "running", "version": "cutover", "mappings": "exact"}
    first = (Condition(_address("milestones"), running, NOWHERE),)
    second = tuple(Condition(_address(name), {"running": "stopped"}, NOWHERE) for name in NAMES)
    sheets = [
        Desired(Address("sheet", "milestones"), None, NOWHERE, "cutover", first),
        Desired(Address("sheet", "invoices"), None, NOWHERE, "cutover", second),
    ]
    return Phase("cutover", NOWHERE, "restored", resources=(*maps, *sheets))


def restored() -> Phase:
    """The phase `restored`."""
    resources = (
        Desired(_address("milestones"), MapSpec("original", "original"), NOWHERE, "restored"),
        Desired(_address("actuals"), MapSpec(None, "original"), NOWHERE, "restored", after=(_address("milestones"),)),
        Desired(_address("invoices"), MapSpec(None, "original"), NOWHERE, "restored", after=(_address("actuals"),)),
    )
    return Phase("restored", NOWHERE, resources=resources)


def drawn(
    phase: Phase, lives: Iterable[MapLive], milestones: Sheet, invoices: Sheet, *, passed: str = "", **options: Any
) -> Draft:
    """The draft of a plan against a small world."""
    made = kinds(**options)
    known = [replace(live, recorded=made["map"]._recorded(live.name)) for live in lives]  # type: ignore[attr-defined]
    seen = {_address(live.name): Live(_address(live.name), live) for live in known}
    for name, sheet in (("milestones", milestones), ("invoices", invoices)):
        seen[Address("sheet", name)] = Live(Address("sheet", name), sheet)
    return draft(phase, seen, made, passed)


def words(made: Draft) -> list[str]:
    """Steps in little: `stop milestones`, `write milestones 5`; how a version comes to be is left out."""
    return [_word(step) for step in made.steps if step.verb != "apply-version"]


def _word(step: Step) -> str:
    names = "+".join(target.name for target in step.targets) or step.address.name
    return f"{step.verb} {names}" + (f" {step.count}" if step.count else "")
