"""Each promise taken away, and what the same points of death come to then."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kill.bench import AFTER, Bench, Watching
from tests.kill.copies import Copy
from tests.kill.ending import CONFIRM, CREATE, once, wrong
from tests.kill.killing import unlike
from tests.kill.lacking import Hasty, Resending, with_other_ids, without_originals
from tests.kill.late import killed_before
from tests.kill.recovering import APPLY, RESUME, Product, recover
from tests.kill.waves import MILESTONES

first, second = (pytest.mark.xdist_group(f"side-{n}") for n in range(2))


def after_commit(watched: Watching, action: str) -> Copy:
    """The first moment at which such a request is carried out and not answered."""
    return next(copy for asked, when, copy in watched.writes if when == AFTER and action in asked.path)


@first
@pytest.mark.parametrize("action", [CREATE, CONFIRM])
def test_what_may_have_happened_is_not_sent_again(watched: Watching, action: str) -> None:
    copy = after_commit(watched, action)
    assert recover(watched.bench, copy, RESUME, Product(Resending)) != []
    assert recover(watched.bench, copy, RESUME) == []


@second
def test_the_service_is_given_the_time_that_it_may_take(bench: Bench) -> None:
    assert killed_before(bench, CREATE, RESUME, Product(Hasty)) != []
    assert killed_before(bench, CREATE, RESUME) == []


@second
def test_ids_that_are_computed_keep_a_milestone_from_being_made_twice(bench: Bench, tmp_path: Path) -> None:
    other = with_other_ids(bench.sandbox.directory / "inventory", tmp_path / "inventory")
    assert killed_before(bench, MILESTONES, APPLY, Product(inventory=other)) != []
    assert killed_before(bench, MILESTONES, APPLY) == []


@first
def test_a_run_file_says_how_the_maps_were_where_nothing_else_does(watched: Watching, tmp_path: Path) -> None:
    product = Product(
        inventory=without_originals(watched.bench.sandbox.directory / "inventory", tmp_path / "inventory")
    )
    copy = after_commit(watched, "SwitchActive")
    assert recover(watched.bench, copy, APPLY, product) == []
    for path in copy.project.rglob("runs/*.json"):
        path.unlink()
    words = recover(watched.bench, copy, APPLY, product)
    assert "original" in str(words)


@first
def test_a_world_or_a_directory_that_is_not_its_copy_is_told_from_it(watched: Watching) -> None:
    bench = watched.bench
    before, after = bench.moments["fresh"], bench.moments["cutover"]
    directory = bench.begun("restored", "likeness")
    assert unlike(bench, after, directory) == []
    assert unlike(bench, replace(after, world=before.world), directory) != []
    assert unlike(bench, replace(after, project=before.project), directory) != []


@first
@pytest.mark.parametrize("name", ["actions", "billed", "confirmed", "ledger", "milestones"])
def test_what_was_done_twice_or_moved_is_seen(watched: Watching, name: str) -> None:
    ending = watched.bench.ending
    assert ending is not None
    found = getattr(ending, name)
    moved: Any = found + found if isinstance(found, Counter) else dict.fromkeys(found)
    other = replace(ending, **{name: moved})
    assert wrong(ending, ending) == []
    assert wrong(ending, other) != []
    assert bool(once(other, watched.bench.rig)) == (name in ("actions", "billed"))
