"""Every way to sign in completes a real apply; what is wrong is told without a secret; tokens that end are renewed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clients.test_sign_in_on_sandbox import certificate_pem
from tests.end_to_end.command import Said, on
from tests.end_to_end.outcome import confirmed, export
from tests.end_to_end.rig import Rig
from tests.end_to_end.stage import Stage, staged

AT_ONCE = {"gateway.request_reads": 0, "entra.device_interval_s": 0}
TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("sign-in"), contracts=2, milestones=4, **AT_ONCE) as stage:
        yield stage


def signing_in(rig: Rig, place: Path, dataverse: str, dualwrite: str) -> Rig:
    """The rig with another `auth:` in its inventory. Each way in YAML, without the client."""
    details = rig.sandbox.details
    auth = f"""\
auth:
  dataverse: {{client_id: "{details["client_id"]}", {dataverse}}}
  dualwrite: {{client_id: "{details["dualwrite_client_id"]}", {dualwrite}}}
"""
    inventory = place / "inventory"
    for path in rig.inventory.rglob("*.yml"):
        text = re.sub(r"(?ms)^auth:.*?(?=^\S)", lambda found: auth, path.read_text("utf-8"))
        (inventory / path.relative_to(rig.inventory)).parent.mkdir(parents=True, exist_ok=True)
        (inventory / path.relative_to(rig.inventory)).write_text(text, "utf-8")
    return replace(rig, inventory=inventory)


def secret_file(place: Path, text: str) -> str:
    """A secret in a file of its own, as an inventory names it."""
    path = place / "secret"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return f'{{file: "{path}"}}'


def by_secret(rig: Rig, place: Path) -> str:
    return f"client_secret: {secret_file(place, rig.sandbox.details['client_secret'])}"


def by_refresh_token(rig: Rig) -> str:
    return f'refresh_token: {{file: "{rig.sandbox.directory / "secrets" / "refresh_token"}"}}'


def assert_whole_apply(rig: Rig, said: Said) -> None:
    """The apply did everything, and neither said nor kept a secret."""
    assert said.code == 0, said.all
    assert {row["contract"] for row in export(rig)} <= set(confirmed(rig))
    assert_no_secret(rig, said)


def assert_no_secret(rig: Rig, said: Said, *more: str) -> None:
    """No secret and no token on the screen, and none in any file but the tokens' own."""
    secrets = [rig.sandbox.details["client_secret"], rig.sandbox.details["refresh_token"], *more]
    files = [path for path in rig.state_dir.rglob("*") if path.is_file() and "tokens" not in path.parts]
    for text in (said.all, *(path.read_bytes().decode("latin-1") for path in files)):
        assert not any(secret in text for secret in secrets)
        assert not TOKEN.search(text)


def test_by_client_secret_and_refresh_token(stage: Stage, tmp_path: Path) -> None:
    rig = stage.take()
    rig = signing_in(rig, tmp_path, by_secret(rig, tmp_path), by_refresh_token(rig))
    assert_whole_apply(rig, on(rig, "apply", "cutover", "--yes", "-vv"))


def test_by_certificate(stage: Stage, tmp_path: Path) -> None:
    rig = stage.take()
    registered, pem = certificate_pem()
    client = rig.sandbox.details["client_id"]
    rig.control("credentials", "POST", client_id=client, certificate=registered)
    rig = signing_in(rig, tmp_path, f"certificate: {secret_file(tmp_path, pem)}", by_refresh_token(rig))
    said = on(rig, "apply", "cutover", "--yes")
    assert_whole_apply(rig, said)
    assert "PRIVATE KEY" not in said.all


@contextmanager
def somebody_approves(rig: Rig) -> Iterator[None]:
    """A person who enters every device code as soon as it is asked for."""
    done = threading.Event()

    def approve() -> None:
        while not done.wait(0.05):
            rig.control("device-approve", "POST")

    person = threading.Thread(target=approve)
    person.start()
    try:
        yield
    finally:
        done.set()
        person.join()


def test_by_device_code_whose_prompt_is_in_nobodys_way(stage: Stage, tmp_path: Path) -> None:
    rig = stage.take()
    rig = signing_in(rig, tmp_path, by_secret(rig, tmp_path), "device_code: true")
    with somebody_approves(rig):
        said = on(rig, "apply", "cutover", "--yes", "-o", "json")
    assert_whole_apply(rig, said)
    assert "/devicelogin" in said.err
    assert "enter the code" in said.err
    assert said.document["exit_code"] == 0, "stdout holds the result and nothing else"
    again = on(rig, "plan", "cutover")
    assert again.code == 0
    assert "/devicelogin" not in again.all, "who signed in once is remembered"


@pytest.mark.parametrize("words", [("-vv",), ("-o", "json"), ("-o", "events")], ids=["text", "json", "events"])
def test_a_wrong_secret_exits_9_says_where_and_shows_none(stage: Stage, tmp_path: Path, words: tuple[str, ...]) -> None:
    rig = stage.take()
    wrong = "tr0ub4dor-and-3-secret"
    rig = signing_in(rig, tmp_path, f"client_secret: {secret_file(tmp_path, wrong)}", by_refresh_token(rig))
    said = on(rig, "apply", "cutover", "--yes", *words)
    assert said.code == 9
    for told in ("AADSTS7000215", "Dataverse", "auth.dataverse", "a client secret may have expired"):
        assert told in said.all
    assert "Traceback" not in said.all
    assert_no_secret(rig, said, wrong)
    assert rig.writes() == []


def test_a_void_refresh_token_exits_9_and_says_what_to_do(stage: Stage, tmp_path: Path) -> None:
    rig = stage.take()
    void = f"refresh_token: {secret_file(tmp_path, '0.void-refresh-token')}"
    rig = signing_in(rig, tmp_path, by_secret(rig, tmp_path / ".."), void)
    said = on(rig, "plan", "cutover")
    assert said.code == 9
    told = " ".join(said.err.split())
    assert "sign-in for the dual-write gateway was refused: AADSTS" in told
    assert "`auth.dualwrite.refresh_token` points, or use `device_code: true`" in told
    assert_no_secret(rig, said, "0.void-refresh-token")


def test_tokens_that_end_in_mid_run_are_renewed(stage: Stage) -> None:
    rig = stage.take()
    rig.settings(entra__token_lifetime_s=1)
    said = on(rig, "apply", "cutover", "--yes")
    assert_whole_apply(rig, said)
    asked = [entry for entry in rig.control("requests") if entry["path"].endswith("/oauth2/v2.0/token")]
    assert len(asked) > 6, "four services' tokens, several times"


ENDED = [("dataverse", "CreateMultiple"), ("dataverse", "PostInvoice"), ("finance", "/data/"), ("dualwrite", "Start")]


def test_tokens_that_services_no_longer_take_are_renewed_at_once(stage: Stage) -> None:
    rig = stage.take()
    for service, path in ENDED:
        fault = {"effect": "expire_token", "service": service, "path": path, "occurrence": 2}
        rig.sandbox.world.faults.add(fault)
    said = on(rig, "apply", "cutover", "--yes")
    assert_whole_apply(rig, said)
    assert [fault["fired"] for fault in rig.control("faults")] == [1] * len(ENDED)
