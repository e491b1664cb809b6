"""Whether a plan may be carried out here: the approved one, whole, not used, not expired, made for this environment
and from these files; and whether its steps are those that a plan made now would hold. Reads nothing but what it is
handed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import msgspec

from statecfg.model.errors import PlanRefused, StalePlan
from statecfg.model.plan import Identity, Plan, Step

_encode = msgspec.json.Encoder(decimal_format="string", order="deterministic").encode
# Words for people; and what is compared record by record, or follows from that.
_NOT_COMPARED = frozenset({"summary", "mark", "records", "count"})


def verify(plan: Plan, path: Path, sha256: str, *, approved: str, used: str, now: str) -> None:
    """Raise PlanRefused if this isn't the plan that was approved, or was used, or has expired.

    sha256: the file's own digest. approved: the digest that was asked for, "" for any. used: the run that has used
    it, "" if none has. now: UTC, ISO.
    """
    if approved and approved != sha256:
        what = f"this plan's SHA-256 is {sha256}, not {approved}"
        raise PlanRefused(what, where=str(path), do="ask who approved which plan")
    again = f"make a new plan: statecfg plan {plan.header.phase} --out FILE"
    if used:
        what = f"this plan was used by run {used}"
        raise PlanRefused(what, where=str(path), do=f"statecfg resume {used}, or {again}")
    if plan.header.expires_at < now:
        raise PlanRefused(f"this plan expired at {plan.header.expires_at}", where=str(path), do=again)


def same_environment(plan: Plan, here: Identity, path: Path) -> None:
    """Raise PlanRefused if the plan was made for another environment than the live services say this is."""
    made_for = plan.header.environment
    if made_for != here:
        what = f"this plan was made for {made_for.name} (organization {made_for.organization_id}), not for {here.name}"
        raise PlanRefused(what, where=str(path), do="look at -l/--limit and -i/--inventory")


def same_inputs(plan: Plan, digests: Mapping[str, str], path: Path) -> None:
    """Raise StalePlan if a file is not as it was when the plan was made. digests: of the files as they are now."""
    names = {*plan.header.inputs, *digests}
    changed = sorted(name for name in names if plan.header.inputs.get(name) != digests.get(name))
    if changed:
        raise StalePlan(
            f"files changed since this plan was made: {', '.join(changed)}",
            tuple(changed),
            where=str(path),
            do=f"make a new plan: statecfg plan {plan.header.phase}",
        )


def same_steps(plan: Plan, now: Sequence[Step], path: Path) -> None:
    """Raise PlanRefused unless a saved plan holds what would be planned now, step by step and record by record.

    To be asked when the world is as the plan saw it: then another step can only have been written into the file by
    somebody. Anybody can make a digest that fits.
    """
    for number, (saved, made) in enumerate(zip_longest(plan.steps, now), start=1):
        if saved is None or made is None or not _same(saved, made):
            what = f"step {number} of this plan is not what would be planned now, although nothing has moved"
            do = f"ask who changed the file; make a new plan: statecfg plan {plan.header.phase} --out FILE"
            raise PlanRefused(what, where=str(path), do=do)


def _same(saved: Step, made: Step) -> bool:
    return _data(saved) == _data(made) and _same_records(saved.records, made.records)


def _data(step: Step) -> bytes:
    names = (field.name for field in dataclasses.fields(step) if field.name not in _NOT_COMPARED)
    return _encode({name: getattr(step, name) for name in names})


def _same_records(saved: Iterable[object], made: Iterable[object]) -> bool:
    return all(one == other for one, other in zip_longest(saved, made))
