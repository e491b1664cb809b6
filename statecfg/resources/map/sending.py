"""Carrying out the steps of maps, and looking whether they are done. Sends what the step says, decides nothing.

A request's reply says only that it was taken; the end of a step is what the witnesses say (rules 3.3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from statecfg.clients.dualwrite import START, STOP, Gateway
from statecfg.clients.mapping import Mapping_
from statecfg.clients.tablemap import MapRequest, TableMap
from statecfg.model.environment import Environment
from statecfg.model.errors import Blocked
from statecfg.model.kind import REACHED, THE_STEP, Observation, Receipt, Settlement
from statecfg.model.plan import Finding, Step
from statecfg.resources.map.reading import Reader, seen_of
from statecfg.resources.map.saving import Saver
from statecfg.resources.map.spec import Version
from statecfg.resources.map.witnesses import judged
from statecfg.resources.services import Services


class Sender:
    """Sends steps of maps and looks at their outcome."""

    def __init__(self, services: Services, reader: Reader, clock: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._reader = reader
        self._clock = clock
        self._saver = Saver(services, reader)
        self._since: dict[tuple[int, str], float] = {}

    @property
    def _gateway(self) -> Gateway:
        gateway = self._services.gateway
        assert gateway is not None
        return gateway

    @property
    def _environment(self) -> Environment:
        return self._services.environment

    def perform(self, step: Step) -> Receipt:
        """Send one step. Raises what the clients raise; Blocked if a version to be activated isn't what was planned."""
        return _PERFORM[step.verb](self, step)

    def observe(self, step: Step, receipt: Receipt | None) -> Observation:
        """Whether the step's end is reached. Raises Blocked if the witnesses don't come to agree."""
        said = self._request(step, receipt)
        if said and said.state == "failed":
            return Observation("failed", said.error or "the service gives no reason", "request-failed")
        job = (receipt.detail or {}).get("job") if receipt else None
        if job:
            return self._saver.imported(str(job))
        seen = _OBSERVE[step.verb](self, step)
        is_over = step.verb == "apply-version" and said is not None and said.state == "completed"
        return self._without_version(step) if is_over and seen.state == "not_yet" else seen

    def settle(self, step: Step, since: float) -> Settlement:
        """What became of a step whose answer was lost: done, going on, or to be sent again after a quiet moment."""
        self._reader.fresh()
        if _OBSERVE[step.verb](self, step).state == "reached":
            return Settlement()
        action = {"start": START, "stop": STOP}.get(step.verb)
        newest = self._map(str(step.targets[0].name)).requests[:1]
        if action and newest and newest[0].action == action and newest[0].state == "waiting":
            return Settlement(waiting=f"the service is still at {step.summary}")
        if since < self._environment.waits.witness_s / 4:
            return Settlement(waiting=f"whether {step.summary} arrived")
        return Settlement(missing=(THE_STEP,))

    def _map(self, name: str) -> TableMap:
        names = getattr(self._environment.maps, name)
        found = seen_of(names, self._reader.round(), None).table_map
        assert found is not None
        return found

    def _version(self, step: Step) -> Version | None:
        wanted = Version(str(step.detail["publisher"]), str(step.detail["number"]))
        table_map = self._map(str(step.detail["map"]))
        active = (table_map.active,) if table_map.active else ()
        found = [Version(v.publisher, v.number, v.id) for v in (*active, *table_map.versions)]
        return next((version for version in found if version.identity == wanted.identity), None)

    def _request(self, step: Step, receipt: Receipt | None) -> MapRequest | None:
        request_id = (receipt.detail or {}).get("request") if receipt else None
        if not request_id:
            return None
        if step.verb == "apply-version":
            return self._gateway.restore_status(request_id)
        requests = list(self._gateway.status(request_id).values())
        return next((request for request in requests if request.state == "failed"), requests[0] if requests else None)

    # What is sent, by verb.

    def _stop(self, step: Step) -> Receipt:
        maps = [self._map(name) for name in step.detail["maps"]]
        running = [one for one in maps if one.running == "running"]
        return Receipt({"request": self._gateway.stop(running)}) if running else Receipt()

    def _start(self, step: Step) -> Receipt:
        one = self._map(str(step.detail["map"]))
        if one.running == "running":
            return Receipt()
        return Receipt({"request": self._gateway.start([one])})

    def _refresh(self, step: Step) -> Receipt:
        one = self._map(str(step.detail["map"]))
        self._gateway.refresh(self._reader.project(one).name)
        return Receipt()

    def _switch(self, step: Step) -> Receipt:
        version = self._version(step)
        if version is None:
            raise Blocked(f"{step.detail['publisher']} {step.detail['number']} can't be chosen: it isn't saved here")
        # Whoever saves a version by hand may have activated it with that: it is checked all the same.
        self._saver.check(step, version)
        one = self._map(str(step.detail["map"]))
        if one.active and one.active.id == version.id:
            return Receipt()
        self._gateway.switch(one, version.id)
        return Receipt()

    def _apply(self, step: Step) -> Receipt:
        if self._version(step):
            return Receipt()
        return Receipt({"request": self._gateway.restore(str(step.detail["solution"]))})

    # What is looked at, by verb.

    def _see_stopped(self, step: Step) -> Observation:
        return self._all(step, "stopped")

    def _see_started(self, step: Step) -> Observation:
        return self._all(step, "running")

    def _all(self, step: Step, wanted: str) -> Observation:
        names = [target.name for target in step.targets]
        for name in names:
            self._refuse_paused(step, name)
        states = [(name, *self._judged(name, wanted)) for name in names]
        missing = [f"map/{name}: {words}" for name, state, words in states if state != wanted]
        agreed = all(state in (wanted, "unknown") and self._map(name).running == wanted for name, state, _ in states)
        if missing and agreed:
            self._refuse_to_wait_on(step, missing)
        done = len(names) - len(missing)
        return Observation("not_yet" if missing else "reached", "; ".join(missing), "", done, len(names))

    def _refuse_paused(self, step: Step, name: str) -> None:
        """A pause is no stop, and nothing ends it but a person. Raises Blocked (rules 2.6)."""
        if self._map(name).running == "paused":
            what = f"map/{name} is paused: what it queues would be replayed when it runs again"
            do = "let a person resume it and wait until it runs, or stop it, knowing what its queue holds (M5)"
            raise Blocked(what, [Finding("block", "map-paused", what, do, "maps", address=step.address)], do=do)

    def _refuse_to_wait_on(self, step: Step, missing: Sequence[str]) -> None:
        """Witnesses lag behind the gateway, but not for ever. Raises Blocked at their deadline (rules 3.3)."""
        if not self._is_over(step, "agree"):
            return
        do = "look at the map in Data management > Dual-write; refresh or stop it there, then run this again"
        what = f"{step.summary}: the witnesses still contradict each other: {'; '.join(missing)}"
        raise Blocked(what, [Finding("block", "witnesses-disagree", what, do, "maps", address=step.address)], do=do)

    def _is_over(self, step: Step, what: str) -> bool:
        """Whether the time that what was asked for may take to show is over; it begins with the first question."""
        since = self._since.setdefault((step.number, what), self._clock())
        return self._clock() - since >= self._environment.waits.witness_s

    def _judged(self, name: str, wanted: str) -> tuple[str, str]:
        names = getattr(self._environment.maps, name)
        project = self._reader.project(self._map(name)) if wanted == "running" else None
        mapping = Mapping_(project.rows, project.source_filter, project.reversed_filter) if project else None
        state, witnesses = judged(seen_of(names, self._reader.round(), mapping), self._reader.enums())
        return state, witnesses.contradiction or f"{state} ({witnesses})"

    def _see_switched(self, step: Step) -> Observation:
        active = self._map(str(step.detail["map"])).active
        wanted = Version(str(step.detail["publisher"]), str(step.detail["number"]))
        if active and Version(active.publisher, active.number).identity == wanted.identity:
            return REACHED
        return Observation("not_yet", f"still on {active.publisher} {active.number}" if active else "no version")

    def _see_applied(self, step: Step) -> Observation:
        return REACHED if self._version(step) else Observation("not_yet", "the version can't be chosen yet")

    def _see_saved(self, step: Step) -> Observation:
        return self._saver.see(step, self._version(step))

    def _without_version(self, step: Step) -> Observation:
        """The solution was applied, and the version isn't on offer: it shows late, or not at all."""
        solution, wanted = step.detail["solution"], f"{step.detail['publisher']} {step.detail['number']}"
        what = f"solution {solution} was applied, but {wanted} is not on offer"
        return Observation("failed" if self._is_over(step, "offer") else "not_yet", what, "version-not-offered")

    def _see_refreshed(self, step: Step) -> Observation:
        return REACHED

    def _see_rest(self, step: Step) -> Observation:
        one = self._map(str(step.detail["map"]))
        return Observation("not_yet", one.running) if one.running == "busy" else REACHED


_PERFORM: Mapping[str, Callable[[Sender, Step], Receipt]] = {
    "stop": Sender._stop,
    "start": Sender._start,
    "refresh": Sender._refresh,
    "switch": Sender._switch,
    "save-version": lambda sender, step: sender._saver.save(step),
    "apply-version": Sender._apply,
}
_OBSERVE: Mapping[str, Callable[[Sender, Step], Observation]] = {
    "stop": Sender._see_stopped,
    "start": Sender._see_started,
    "refresh": Sender._see_refreshed,
    "switch": Sender._see_switched,
    "save-version": Sender._see_saved,
    "apply-version": Sender._see_applied,
    "wait": Sender._see_rest,
}
