"""Dual-write put together for one world: its tables, settings, rules and control calls, and the service itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from statecfg.sandbox.control import Control
from statecfg.sandbox.dualwrite.carry import FinanceWriter
from statecfg.sandbox.dualwrite.control_calls import DualWriteControl
from statecfg.sandbox.dualwrite.gateway import Gateway
from statecfg.sandbox.dualwrite.lifecycle import Lifecycle
from statecfg.sandbox.dualwrite.runtime import Runtime
from statecfg.sandbox.dualwrite.settings import DATAVERSE, FINANCE, declare_settings
from statecfg.sandbox.dualwrite.solutions import add_to_solution, begin_import, settle_imports
from statecfg.sandbox.dualwrite.tables import define_tables
from statecfg.sandbox.dualwrite.witnesses import catch_up, publish_all
from statecfg.sandbox.entra.tokens import Tokens
from statecfg.sandbox.finance.writes import write_from_dualwrite
from statecfg.sandbox.world import Row, Tx, World

_WITNESS_PATHS = {DATAVERSE: "dualwriteruntimeconfig", FINANCE: "dualwriteprojectconfigurations"}


class DualWrite:
    """Dual-write of one world. `define` first, `seed.seed_maps` in a transaction of its own, then serve `gateway`."""

    def __init__(self, world: World, write: FinanceWriter = write_from_dualwrite) -> None:
        self._world = world
        self.runtime = Runtime(write, lambda tx: self.lifecycle.settle(tx))
        self.lifecycle = Lifecycle(self.runtime)
        self._lies_published = "{}"
        define_tables(world)
        declare_settings(world)
        world.hooks.on_changes(self.runtime.on_changes)
        world.hooks.on_request(self._before_request)
        world.hooks.on_part(self._before_request)

    def register(self, control: Control) -> None:
        """Offer dual-write's control calls."""
        DualWriteControl(self._world, self.runtime).register(control)

    def gateway(self, tokens: Tokens, urls: Callable[[str], str]) -> Gateway:
        """The management gateway. urls: address of a service (`finance`, `dataverse`), for what answers quote."""
        return Gateway(self._world, tokens, self.lifecycle, urls)

    def actions(self) -> Mapping[str, Callable[[Tx, str | None, Mapping[str, Any]], Row | None]]:
        """The unbound Dataverse actions that have to do with solutions."""
        return {
            "ImportSolutionAsync": lambda tx, _target, body: begin_import(tx, body),
            "AddSolutionComponent": lambda tx, _target, body: add_to_solution(tx, body),
        }

    def _before_request(self, service: str, method: str, path: str) -> None:
        """Whoever reads a witness or a job lets it catch up first."""
        lowered = path.lower()
        witness = next((name for name, part in _WITNESS_PATHS.items() if part in lowered), None)
        if method == "GET" and service in (DATAVERSE, FINANCE) and witness == service:
            self._before_witness(witness)
        elif method == "GET" and service == DATAVERSE and "asyncoperations" in lowered:
            with self._world.transaction() as tx, tx.echoing():
                settle_imports(tx)

    def _before_witness(self, witness: str) -> None:
        lies = json.dumps(self._world.settings["witness.lies"], sort_keys=True)
        with self._world.transaction() as tx, tx.echoing():
            self.lifecycle.settle(tx)
            catch_up(tx, witness)
            if lies != self._lies_published:
                publish_all(tx)
        self._lies_published = lies
