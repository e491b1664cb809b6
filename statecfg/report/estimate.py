"""How long a plan takes, roughly: from its steps alone. Pure.

The figures are what one request, one group and one change of a map's state cost at a real service and at the local
stand-in; a plan's true time depends on the services, so the answer is a range and never a promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from statecfg.model.plan import Step


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds, (low, high): of one single change, one wait, one bulk request, and one record of a fenced group."""

    single: tuple[float, float]
    wait: tuple[float, float]
    request: tuple[float, float]
    fenced_record: tuple[float, float]


SERVICE = Costs(single=(10, 45), wait=(15, 90), request=(4, 12), fenced_record=(3, 8))
STAND_IN = Costs(single=(0.2, 1), wait=(0.5, 2), request=(0.3, 1), fenced_record=(0.1, 0.3))


def seconds(steps: Iterable[Step], environment_class: str) -> tuple[float, float]:
    """Low and high estimate of carrying out these steps, in seconds."""
    costs = STAND_IN if environment_class == "sandbox" else SERVICE
    spans = [_of(step, costs) for step in steps]
    return sum(low for low, _ in spans), sum(high for _, high in spans)


def _of(step: Step, costs: Costs) -> tuple[float, float]:
    if not step.sends:
        return costs.wait
    if not step.batching or not step.count:
        return costs.single
    if step.batching.every_s is None:
        return costs.fenced_record[0] * step.count, costs.fenced_record[1] * step.count
    requests = -(-step.count // max(step.batching.size, 1))
    rounds = -(-requests // max(step.batching.workers, 1))
    return costs.request[0] * rounds, costs.request[1] * rounds
