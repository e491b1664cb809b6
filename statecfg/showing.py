"""What leaves the application leaves it without secrets: the result or the error of each of its verbs.

Part of the composition. The redaction is the application's; events, journal and plan go through the same one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from statecfg.clients.redaction import Redaction
from statecfg.model.errors import StatecfgError
from statecfg.model.plan import Plan

P = ParamSpec("P")
T = TypeVar("T")


class _Redacting(Protocol):
    redaction: Redaction


App = TypeVar("App", bound=_Redacting)


def without_secrets(verb: Callable[Concatenate[App, P], T]) -> Callable[Concatenate[App, P], T]:
    """Make a method's result, or the error of the tree that it raises, hold no secret."""

    @functools.wraps(verb)
    def clean(app: App, /, *given: P.args, **named: P.kwargs) -> T:
        try:
            return app.redaction.cleaned(verb(app, *given, **named))
        except StatecfgError as error:
            app.redaction.cleaned(error)
            raise

    return clean


def presentable_plan(plan: Plan, redaction: Redaction) -> Plan:
    """A plan whose words hold no secret. Its steps stay as they are: they are what will be sent."""
    clean = redaction.cleaned
    return Plan(
        header=plan.header,
        findings=clean(plan.findings),
        steps=plan.steps,
        world=clean(plan.world),
        unchanged=clean(plan.unchanged),
        summaries=clean(plan.summaries),
        settled=clean(plan.settled),
        reads=plan.reads,
        passed=plan.passed,
    )
