"""A sandbox that is wrong is found out: broken on purpose, it fails the tests of the clients that rest on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from statecfg.sandbox.server import Sandbox
from tests.third_party import test_clients as tests
from tests.third_party.packages import DATAVERSE_API, DYNAMICS_WEB_API, PACKAGES, PYTHON_SDK, Package
from tests.third_party.running import Run, run

Test = Callable[[Run, Sandbox], None]

OTHER_DELIMITER = {"dataverse.batch_delimiter": "answer_"}
NO_ENTITY_ID = {"dataverse.omit_headers": ["OData-EntityId"]}
BREAKS = (
    (PYTHON_SDK, OTHER_DELIMITER, tests.test_a_batch_makes_what_it_says_it_made),
    (DATAVERSE_API, OTHER_DELIMITER, tests.test_a_batch_makes_what_it_says_it_made),
    (DYNAMICS_WEB_API, OTHER_DELIMITER, tests.test_a_batch_makes_what_it_says_it_made),
    # The SDK makes do with `Location` where a record is created alone, but not within a batch.
    (PYTHON_SDK, NO_ENTITY_ID, tests.test_a_batch_makes_what_it_says_it_made),
    (DATAVERSE_API, NO_ENTITY_ID, tests.test_a_created_record_is_there_letter_for_letter),
    (DYNAMICS_WEB_API, NO_ENTITY_ID, tests.test_a_created_record_is_there_letter_for_letter),
)


def _sandbox(directory: Path, **settings: Any) -> Sandbox:
    return Sandbox.start(directory, contracts=2, milestones=4, **settings)


@pytest.mark.parametrize(
    ("package", "broken", "test"),
    BREAKS,
    ids=[f"{package.name}-{next(iter(broken)).partition('.')[2]}" for package, broken, _ in BREAKS],
)
def test_a_sandbox_broken_on_purpose_fails_the_client(
    package: Package, broken: dict[str, Any], test: Test, tmp_path: Path
) -> None:
    with _sandbox(tmp_path, **broken) as sandbox:
        done = run(package, sandbox, tmp_path, only=("sign_in", "create", "batch"))
        with pytest.raises(AssertionError):
            test(done, sandbox)
        # Only what rests on the broken part fails: the client got in and did other work.
        tests.test_signing_in_with_a_secret_gives_a_token(done)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_client_that_is_not_told_the_ca_does_not_talk_to_the_sandbox(package: Package, tmp_path: Path) -> None:
    with _sandbox(tmp_path) as sandbox:
        done = run(package, sandbox, tmp_path, only=("sign_in",), trusting=False)
        assert "certificate" in done.failed["sign_in"].lower(), done.said
        assert sandbox.kernel.log.entries(0) == []
