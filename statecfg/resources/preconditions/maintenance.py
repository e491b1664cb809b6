"""`maintenance: {mode: "on"}`: nobody else works in the environment, and background operations go on.

Read where the inventory names a provider, else asked; unknown is never ok (rules 5.2). Background operations must be
on: dual-write needs them. Source: reference/project-operations.md, "Maintenance mode".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from statecfg.clients.admin import AdminState
from statecfg.model.declared import Requirement, Seen
from statecfg.model.environment import Maintenance as Setting
from statecfg.model.kind import Check
from statecfg.model.plan import Finding
from statecfg.resources.services import Services

ADMINISTRATION_MODE = "AdminMode"
"""`properties.states.runtime.id` in administration mode. Source: reference/project-operations.md 8.4."""
ENABLED = "Enabled"
TITLE = "maintenance mode"


@dataclass(frozen=True, slots=True)
class MaintenanceSpec:
    """Whether maintenance must be on or off."""

    mode: Literal["on", "off"] = "on"


class Maintenance(Check):
    """Blocks if maintenance isn't as asked; asks where it can't be read."""

    name: ClassVar[str] = "maintenance"
    Spec: ClassVar[type] = MaintenanceSpec

    def __init__(self, services: Services) -> None:
        self._services = services

    def look(self, requirement: Requirement, seen: Seen) -> Iterable[Finding]:
        setting = self._services.environment.maintenance
        if setting.waiver:
            what = f"waived by {setting.waiver.who}: {setting.waiver.reason}"
            yield Finding("warn", "maintenance-mode", what, title=TITLE)
        elif setting.provider == "attest" or self._services.admin is None:
            what = f"can't be read here: someone must attest that it is {requirement.spec.mode} and that nobody works"
            yield Finding("ask", "maintenance-mode", what, title=TITLE, evidence=requirement.spec.mode)
        else:
            yield from judged(self._services.admin.environment(), requirement.spec.mode, setting)


def judged(state: AdminState, mode: str, setting: Setting) -> Iterable[Finding]:
    """What the admin API's answer means."""
    is_on = state.runtime == ADMINISTRATION_MODE
    if is_on != (mode == "on"):
        what = f"administration mode is {'on' if is_on else 'off'} ({state.runtime}), but must be {mode}"
        do = "switch it in the Power Platform admin center, with background operations on"
        yield Finding("block", "maintenance-mode", what, do, TITLE)
        return
    background_on = state.background_operations == ENABLED
    wanted = setting.background_operations
    if wanted != "any" and background_on != (wanted == "on"):
        what = f"background operations are {state.background_operations}, but must be {wanted}"
        do = "switch them in the Power Platform admin center: dual-write and invoice jobs need them"
        yield Finding("block", "background-operations", what, do, TITLE)
        return
    background = f"background operations {'on' if background_on else 'off'}"
    yield Finding("ok", "maintenance-mode", f"administration mode {mode}, {background}", title=TITLE)
