"""The product without some of its checks on the file's rows: what the kinds find of these codes is never heard.

The engine's own fences and preconditions have `App.disabled`; a kind's findings are part of the kind, so here the kinds
themselves are handed over with their mouths shut.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from statecfg.app import App
from statecfg.engine.run import Scene
from statecfg.model.declared import Desired, Live, Seen
from statecfg.model.errors import Problem
from statecfg.model.options import Options
from statecfg.model.plan import Finding
from statecfg.scenes import Stage
from tests.end_to_end.rig import Rig


class _Kind:
    """A kind that says nothing of some codes."""

    def __init__(self, kind: Any, codes: frozenset[str]) -> None:
        self._kind, self._codes = kind, codes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)

    def findings(self, desired: Desired, live: Live, seen: Seen) -> Iterable[Finding]:
        found = self._kind.findings(desired, live, seen)
        return [finding for finding in found if finding.code not in self._codes]


def _declared(kind: type[Any], codes: frozenset[str]) -> type[Any]:
    def problems(cls: type[Any], desired: Desired) -> list[Problem]:
        return [problem for problem in kind.problems(desired) if problem.code not in codes]

    return type(kind.__name__, (kind,), {"problems": classmethod(problems)})


class _Stage(Stage):
    def scene(self, phase: str, from_run: Path | None = None) -> Scene:
        scene = super().scene(phase, from_run)
        kinds: Any = {name: _Kind(kind, self.disabled) for name, kind in scene.kinds.items()}
        return replace(scene, kinds=kinds)


class _App(App):
    @property
    def _vocabulary(self) -> dict[str, Any]:
        known = super()._vocabulary
        return {**known, "kinds": {name: _declared(kind, self.disabled) for name, kind in known["kinds"].items()}}

    @property
    def _stage(self) -> Stage:
        stage = super()._stage
        return _Stage(**{field.name: getattr(stage, field.name) for field in fields(stage)})


class LenientRig(Rig):
    """A rig whose product is deaf to the codes in `disabled`."""

    @classmethod
    def of(cls, rig: Rig, *codes: str) -> LenientRig:
        """The same rig, deaf to these codes."""
        values = {field.name: getattr(rig, field.name) for field in fields(rig)}
        return cls(**{**values, "disabled": frozenset(codes)})

    def app(self) -> App:
        options = Options(self.inventory, self.states, None, dict(self.extra), self.state_dir)
        app = _App(options, self.events.append, disabled=self.disabled, cache_dir=self.state_dir / "tokens")
        self.apps.append(app)
        return app
