"""A canary in every secret's place is found nowhere: in no output and no file, at any verbosity, whatever happens."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from statecfg.app import App
from statecfg.clients.redaction import Redaction
from statecfg.model.events import Emit
from statecfg.model.options import Options
from statecfg.model.plan import Plan
from tests.end_to_end.command import Said
from tests.end_to_end.rig import ROOT, Rig
from tests.end_to_end.stage import Stage, staged
from tests.end_to_end.test_sign_in import somebody_approves
from tests.hostile import canaries
from tests.hostile.canaries import CONNECTION_PARTS, refusing, secret_file, secrets_in, signing_in
from tests.hostile.proxy import Mischief, Proxy, before, honest
from tests.hostile.running import Leak, leaks, project, run_on

AT_ONCE = {"gateway.request_reads": 0, "entra.device_interval_s": 0}
PASSPHRASE = "canary-passphrase-of-the-key"
WRONG_SECRET = "canary~wrong.client-secret"


class Open(Redaction):
    """No redaction at all: what the tests would see if there were none."""

    def clean(self, text: str) -> str:
        return text


def unredacted(options: Options, emit: Emit, tokens: Path) -> App:
    return App(options, emit, cache_dir=tokens, redaction=Open())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("secrets"), contracts=2, milestones=4, **AT_ONCE) as stage:
        yield stage


@pytest.fixture(scope="module")
def proxy(stage: Stage) -> Iterator[Proxy]:
    with before(stage.sandbox) as proxy:
        yield proxy


def taken(stage: Stage, proxy: Proxy, place: Path, mischief: Mischief = honest) -> Rig:
    proxy.mischief = mischief
    proxy.seen.clear()
    rig = proxy.rig(stage.take(), place)
    rig.extra["waits.service_s"] = "2"
    return rig


def found(rig: Rig, proxy: Proxy, said: Said, *more: str) -> list[Leak]:
    """What leaked of the secrets that were on the wire, and of others."""
    details = rig.sandbox.details
    known = {details["client_secret"], details["refresh_token"], *CONNECTION_PARTS, *more}
    return leaks(known | secrets_in(proxy.seen), said, rig.state_dir)


def by_certificate(rig: Rig, place: Path) -> tuple[str, str]:
    """A way in by a key under a passphrase; the key's PEM."""
    pem = canaries.registered_key(rig, PASSPHRASE)
    password = secret_file(place / "passphrase", PASSPHRASE)
    return f"certificate: {secret_file(place / 'key.pem', pem)}, certificate_password: {password}", pem


def by_refresh_token(rig: Rig) -> str:
    return f'refresh_token: {{file: "{rig.sandbox.directory / "secrets" / "refresh_token"}"}}'


def private_part(pem: str) -> str:
    return pem[: pem.index("-----BEGIN CERTIFICATE")]


@pytest.mark.parametrize("words", [("-q",), (), ("-v",), ("-vv", "-o", "events")], ids=["q", "none", "v", "vv-events"])
def test_a_run_that_works_keeps_and_shows_no_secret(
    stage: Stage, proxy: Proxy, tmp_path: Path, words: tuple[str, ...]
) -> None:
    rig = taken(stage, proxy, tmp_path, canaries.telling)
    said = run_on(rig, "apply", "cutover", "--yes", *words)
    assert said.code == 0, said.all
    assert found(rig, proxy, said) == []


def test_a_key_its_passphrase_and_a_device_code_leave_no_trace(stage: Stage, tmp_path: Path) -> None:
    # Without the proxy: an assertion names the address of the authority.
    rig = stage.take()
    way, pem = by_certificate(rig, tmp_path)
    rig = signing_in(rig, tmp_path, way, "device_code: true")
    with somebody_approves(rig):
        said = run_on(rig, "plan", "cutover", "-vv", "--out", str(rig.state_dir / "a.plan"))
    assert said.code == 0, said.all
    kept = canaries.kept_tokens(rig.state_dir / "tokens")
    assert len(kept) >= 2, "an access token and a refresh token"
    assert leaks({private_part(pem), PASSPHRASE, *kept}, said, rig.state_dir) == []


def test_a_wrong_passphrase_is_refused_without_a_word_of_it_or_of_the_key(stage: Stage, tmp_path: Path) -> None:
    rig = stage.take()
    way, pem = by_certificate(rig, tmp_path)
    secret_file(tmp_path / "passphrase", "canary-another-passphrase")
    rig = signing_in(rig, tmp_path, way, by_refresh_token(rig))
    said = run_on(rig, "plan", "cutover", "-vv")
    assert said.code in (9, 10), said.all
    assert "auth.dataverse" in said.all or "localhost" in said.all
    assert leaks({private_part(pem), PASSPHRASE, "canary-another-passphrase"}, said, rig.state_dir) == []


def test_a_wrong_secret_of_the_environment_is_echoed_by_the_authority_and_by_nobody_else(
    stage: Stage, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_SECRET", WRONG_SECRET)
    rig = taken(stage, proxy, tmp_path, refusing("entra", 401, "token"))
    rig = signing_in(rig, tmp_path, "client_secret: {env: CANARY_SECRET}", by_refresh_token(rig))
    said = run_on(rig, "plan", "cutover", "-vv")
    assert said.code == 9, said.all
    assert WRONG_SECRET in secrets_in(proxy.seen)
    assert found(rig, proxy, said, WRONG_SECRET) == []


ECHOES: dict[str, tuple[Mischief, int]] = {
    "401": (refusing("dataverse", 401), 9),
    "403": (refusing("finance", 403, "/data/"), 9),
    "400": (refusing("dualwrite", 400, "Entities"), 10),
    "500": (refusing("dataverse", 500, "salesorders"), 10),
    "503 of the admin API": (refusing("admin", 503), 10),
    "no JSON": (canaries.no_json, 10),
    "400 of the authority": (refusing("entra", 400, "token"), 9),
}


@pytest.mark.parametrize("name", ECHOES)
def test_an_error_that_repeats_the_request_is_told_without_its_secrets(
    stage: Stage, proxy: Proxy, tmp_path: Path, name: str
) -> None:
    mischief, code = ECHOES[name]
    rig = taken(stage, proxy, tmp_path, mischief)
    said = run_on(rig, "plan", "cutover", "-vv", "-o", "json")
    assert said.code == code, said.all
    assert ("[hidden]" in said.all) is (name != "no JSON"), "the error is told, with holes; an unknown body isn't"
    assert found(rig, proxy, said) == []


def test_a_refusal_in_the_middle_of_writing_is_kept_without_secrets(stage: Stage, proxy: Proxy, tmp_path: Path) -> None:
    rig = taken(stage, proxy, tmp_path, refusing("dataverse", 400, "CreateMultiple"))
    said = run_on(rig, "apply", "cutover", "--yes", "-vv", "-o", "events")
    assert said.code != 0
    assert "[hidden]" in said.all
    assert found(rig, proxy, said) == []


@pytest.mark.parametrize("name", ["400", "500", "401"])
def test_without_the_redaction_the_canary_is_found(stage: Stage, proxy: Proxy, tmp_path: Path, name: str) -> None:
    rig = taken(stage, proxy, tmp_path, ECHOES[name][0])
    said = run_on(rig, "plan", "cutover", "-vv", composed=unredacted)
    assert "stderr" in {leak.where for leak in found(rig, proxy, said)}


def test_without_the_redaction_the_journal_and_the_run_have_it_too(stage: Stage, proxy: Proxy, tmp_path: Path) -> None:
    rig = taken(stage, proxy, tmp_path, refusing("dataverse", 400, "CreateMultiple"))
    said = run_on(rig, "apply", "cutover", "--yes", composed=unredacted)
    kept = {Path(leak.where).name for leak in found(rig, proxy, said)}
    assert any(name.startswith("journal.sqlite") for name in kept), kept


@pytest.mark.parametrize("words", [(), ("-vv", "-o", "events")], ids=["text", "events"])
def test_what_a_request_of_the_gateway_failed_with_is_told_without_secrets(
    stage: Stage, proxy: Proxy, tmp_path: Path, words: tuple[str, ...]
) -> None:
    rig = taken(stage, proxy, tmp_path, canaries.failing_start)
    said = run_on(rig, "apply", "cutover", "--yes", *words)
    assert said.code == 3, said.all
    assert "[hidden]" in said.all
    assert found(rig, proxy, said) == []
    rig = taken(stage, proxy, tmp_path / "open", canaries.failing_start)
    said = run_on(rig, "apply", "cutover", "--yes", *words, composed=unredacted)
    assert {Path(leak.where).name for leak in found(rig, proxy, said)} & {"stdout", "stderr"}
    assert "journal.sqlite" in {Path(leak.where).name.removesuffix("-wal") for leak in found(rig, proxy, said)}


SLIPS = {
    "a client secret in the clear": ("auth.dataverse.client_secret={}", 8),
    "a password among the variables": ("legacy_password={}", 8),
    "user and password in an address": ("dataverse=https://admin:{}@contoso.crm.dynamics.com", 8),
    "a signature in an address's query": ("finance=https://contoso.operations.dynamics.com/?sig={}", 8),
    "a colon for the equals sign": ("client_secret:{}", 64),
    "a secret for the name of its variable": ("auth.dataverse={{client_id: a, client_secret: {{env: '{}'}}}}", 8),
}


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif"])
@pytest.mark.parametrize("name", SLIPS)
def test_a_secret_in_a_wrong_place_is_named_and_never_repeated(
    stage: Stage, tmp_path: Path, name: str, form: str
) -> None:
    canary = "canary-in-a-wrong-place"
    slip, code = SLIPS[name]
    said = run_on(stage.rig(), "validate", "-o", form, "-e", slip.format(canary))
    assert said.code == code, said.all
    assert leaks([canary], said, tmp_path) == []


def test_a_secret_in_a_file_of_the_inventory_is_named_by_line_and_never_repeated(stage: Stage, tmp_path: Path) -> None:
    rig = stage.rig()
    canary = "canary-in-the-clear-in-a-file"
    rig = signing_in(rig, tmp_path, f"client_secret: {canary}", by_refresh_token(rig))
    for words in (("validate",), ("validate", "-o", "sarif"), ("plan", "cutover", "-vv"), ("drift", "-o", "junit")):
        said = run_on(rig, *words)
        assert said.code == 8, said.all
        assert "yml" in said.all
        assert leaks([canary], said, rig.state_dir) == []


@pytest.mark.parametrize("killed", [False, True], ids=["developer-mode", "killed"])
def test_a_process_of_its_own_leaves_no_secret_with_every_warning_on_or_killed(
    stage: Stage, proxy: Proxy, tmp_path: Path, killed: bool
) -> None:
    rig = taken(stage, proxy, tmp_path, canaries.telling)
    rig.extra["waits.service_s"] = "20"
    rig.state_dir.mkdir(parents=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(tmp_path / "home"),
        "PYTHONWARNINGS": "always",
    }
    command = [sys.executable, "-X", "dev", "-m", "statecfg", "apply", "cutover", "--yes", "-vv", *project(rig)]
    process = subprocess.Popen(
        command, cwd=rig.state_dir, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if killed:
        deadline = time.monotonic() + 60
        while not any("CreateMultiple" in one.target for one in tuple(proxy.seen)) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == (-signal.SIGKILL if killed else 0), out + err
    assert (rig.state_dir / ".statecfg" / "journal.sqlite").exists()
    assert found(rig, proxy, Said(process.returncode, out, err)) == []
    assert leaks(secrets_in(proxy.seen), Said(0, "", ""), tmp_path) == []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_tokens_and_journal_are_their_owners_even_where_wider_files_stood_before(stage: Stage, tmp_path: Path) -> None:
    rig = stage.rig()
    run_on(rig, "plan", "cutover")
    tokens = rig.state_dir / "tokens"
    (cache,) = tokens.glob("*.json")
    before_ = os.umask(0)
    try:
        tokens.chmod(0o777)
        cache.chmod(0o666)
        said = run_on(rig, "apply", "cutover", "--yes", "--stop-after", "1")
        journal = rig.state_dir / ".statecfg" / "journal.sqlite"
        assert journal.exists(), said.all
        journal.chmod(0o666)
        run_on(rig, "apply", "cutover", "--yes", "--stop-after", "1")
        runs = list((rig.state_dir / ".statecfg").rglob("runs/*.json"))
    finally:
        os.umask(before_)
    assert runs
    wide = [path for path in (tokens, *tokens.iterdir(), journal, *runs) if mode(path) & 0o077]
    assert wide == []


def test_a_secret_file_that_others_can_read_is_refused_before_anything_is_contacted(
    stage: Stage, proxy: Proxy, tmp_path: Path
) -> None:
    rig = taken(stage, proxy, tmp_path)
    place = secret_file(tmp_path / "secret", WRONG_SECRET)
    (tmp_path / "secret").chmod(0o644)
    rig = signing_in(rig, tmp_path, f"client_secret: {place}", by_refresh_token(rig))
    said = run_on(rig, "plan", "cutover")
    assert said.code == 9
    assert "chmod 600" in " ".join(said.all.split())
    assert proxy.seen == []
    assert leaks([WRONG_SECRET], said, rig.state_dir) == []


class Crashing(App):
    """An application with a fault that nobody foresaw, with every secret in its hands."""

    def plan(self, phase: str, **given: object) -> Plan:  # type: ignore[override]
        header = self.clients.tokens.header("dataverse")
        secret = self.project.environment.auth.dataverse
        assert secret is not None
        assert secret.client_secret is not None
        text = Path(secret.client_secret.file).read_text("utf-8")
        raise RuntimeError(f"{header} and {text} in {given}")


@pytest.mark.parametrize("words", [(), ("-v",), ("-o", "json"), ("-vv", "-o", "events")])
def test_a_crash_is_told_without_the_secrets_in_its_hands(
    stage: Stage, proxy: Proxy, tmp_path: Path, words: tuple[str, ...]
) -> None:
    rig = taken(stage, proxy, tmp_path)
    said = run_on(rig, "plan", "cutover", *words, composed=lambda o, e, t: Crashing(o, e, cache_dir=t))
    assert said.code == 1
    assert "unexpected RuntimeError: Bearer [hidden] and [hidden]" in " ".join(said.all.split())
    assert ("Traceback" in said.err) is bool({"-v", "-vv"} & set(words))
    assert found(rig, proxy, said) == []
    said = run_on(
        rig, "plan", "cutover", *words, composed=lambda o, e, t: Crashing(o, e, cache_dir=t, redaction=Open())
    )
    assert found(rig, proxy, said), "with no redaction it would be there"
