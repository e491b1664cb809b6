"""The product with one of its promises taken away, so that what the promise is for can be seen."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from statecfg.app import App
from statecfg.engine.run import Scene
from statecfg.model.kind import Settlement
from statecfg.model.plan import Step
from statecfg.model.records import Record
from statecfg.scenes import Stage


class _Resending:
    """A kind that sends again what may have happened, instead of looking."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        self._kind.perform(step, batch)
        return Settlement(tuple(batch))


class _Hasty(_Resending):
    """A kind that looks once, and takes what isn't there yet for what will never be there."""

    def settle(self, step: Step, batch: Sequence[Record], since: float) -> Settlement:
        found: Settlement = self._kind.settle(step, batch, math.inf)
        return found


def _staged(stage: Stage, wrapped: type[_Resending]) -> Stage:
    class Lacking(Stage):
        def scene(self, phase: str, from_run: Path | None = None) -> Scene:
            scene = super().scene(phase, from_run)
            kinds: Any = {name: wrapped(kind) for name, kind in scene.kinds.items()}
            return replace(scene, kinds=kinds)

    return Lacking(**{field.name: getattr(stage, field.name) for field in fields(stage)})


class Resending(App):
    """An application that settles nothing by looking."""

    @property
    def _stage(self) -> Stage:
        return _staged(super()._stage, _Resending)


class Hasty(App):
    """An application that doesn't wait until the service is quiet."""

    @property
    def _stage(self) -> Stage:
        return _staged(super()._stage, _Hasty)


def without_originals(inventory: Path, to: Path) -> Path:
    """An inventory that doesn't say how the maps were before."""
    return _changed(inventory, to, lambda line: "" if line.lstrip().startswith("original:") else line)


def with_other_ids(inventory: Path, to: Path) -> Path:
    """An inventory by which milestones get other ids: their date is part of their key."""
    return _changed(inventory, to, lambda line: line.replace('"line", "name"]', '"line", "name", "date"]'))


def _changed(inventory: Path, to: Path, change: Any) -> Path:
    shutil.copytree(inventory, to)
    for path in to.rglob("*.yml"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(change(line) for line in lines), encoding="utf-8")
    return to
