"""Real msal against token endpoints on loopback: every way to sign in, renewal, and what is kept on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from statecfg.clients.redaction import Redaction
from statecfg.clients.secrets import Secrets
from statecfg.clients.session import Session
from statecfg.clients.token import GATEWAY_SCOPE, Tokens, credentials_of
from statecfg.model.environment import Auth, Environment, Secret, SignIn
from statecfg.model.errors import SignInRefused, Unavailable
from tests.clients.certificate import self_signed
from tests.clients.entra import CLIENT, TENANT, USER, Entra
from tests.clients.scripted import DROPPED, Clock, Reply, Server

SECRET = SignIn(CLIENT, client_secret=Secret(env="CLIENT_SECRET"))
DEVICE = SignIn(CLIENT, device_code=True)
VARIABLES = {"CLIENT_SECRET": "s3cret-value-1", "SEED": "seed-refresh-token"}


@pytest.fixture
def entra(serve: Callable[..., Server]) -> Entra:
    return Entra(serve())


class Desk:
    """Somebody who signs in: makes Tokens as another process would, over the same cache."""

    def __init__(self, entra: Entra, directory: Path, clock: Clock) -> None:
        self.entra = entra
        self.cache_dir = directory / "state" / "tokens"
        self.clock = clock
        self.told: list[str] = []
        self.redaction = Redaction()
        self.sessions: list[Session] = []

    def tokens(
        self,
        dataverse: SignIn = SECRET,
        dualwrite: SignIn | None = None,
        *,
        variables: Mapping[str, str] = VARIABLES,
        name: str = "prod",
    ) -> Tokens:
        environment = Environment(
            name=name,
            environment_class="sandbox",
            dataverse="https://localhost:1/",
            finance="https://localhost:2",
            dualwrite="https://localhost:3",
            tenant=TENANT,
            auth=Auth(dataverse, dualwrite),
            authority=self.entra.authority,
        )
        self.sessions.append(Session(ca_file=self.entra.server.ca_file))
        return Tokens(
            credentials_of(environment),
            self.sessions[-1],
            owner=environment.name,
            tell=self.told.append,
            cache_dir=self.cache_dir,
            redaction=self.redaction,
            secrets=Secrets(self.redaction, variables),
            clock=self.clock,
            sleep=self.clock.sleep,
        )


@pytest.fixture
def desk(entra: Entra, tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    made = Desk(entra, tmp_path, clock)
    yield made
    for session in made.sessions:
        session.close()


def test_a_client_secret_signs_in_for_each_services_own_scope(desk: Desk) -> None:
    tokens = desk.tokens()
    headers = {service: tokens.header(service) for service in ("dataverse", "finance", "admin")}
    assert len(set(headers.values())) == 3
    assert [form["scope"] for form in desk.entra.tokens_asked] == [
        "https://localhost:1/.default", "https://localhost:2/.default", "https://service.powerapps.com//.default",
    ]  # fmt: skip
    assert tokens.identity("dataverse") == f"application {CLIENT}"


def test_a_token_is_asked_for_once_by_many_threads(desk: Desk) -> None:
    tokens = desk.tokens()
    with ThreadPoolExecutor(16) as pool:
        headers = set(pool.map(lambda _: tokens.header("dataverse"), range(64)))
    assert len(headers) == 1
    assert len(desk.entra.tokens_asked) == 1


def test_a_token_is_renewed_before_it_ends(desk: Desk, clock: Clock) -> None:
    tokens = desk.tokens()
    first = tokens.header("dataverse")
    clock.now += 3000
    assert tokens.header("dataverse") == first
    clock.now += 400
    assert tokens.header("dataverse") != first


def test_a_refused_token_is_replaced_once_for_all_who_had_it(desk: Desk) -> None:
    tokens = desk.tokens()
    first = tokens.header("dataverse")
    with ThreadPoolExecutor(8) as pool:
        headers = set(pool.map(lambda _: tokens.header("dataverse", first), range(16)))
    assert len(headers) == 1
    assert first not in headers
    assert len(desk.entra.tokens_asked) == 2


@pytest.fixture(scope="module")
def pem() -> str:
    key, certificate = self_signed()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return text + certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_a_certificate_signs_in_with_a_signed_assertion(desk: Desk, tmp_path: Path, pem: str) -> None:
    place = tmp_path / "client.pem"
    place.write_text(pem)
    place.chmod(0o600)
    assert desk.tokens(SignIn(CLIENT, certificate=Secret(file=str(place)))).header("dataverse")
    form = desk.entra.tokens_asked[0]
    assert form["client_assertion"].count(".") == 2
    assert "client_secret" not in form


def test_a_pem_without_a_key_is_refused_before_anything_is_sent(desk: Desk, pem: str) -> None:
    without = pem[pem.index("-----BEGIN CERTIFICATE") :]
    with pytest.raises(SignInRefused, match="no private key"):
        desk.tokens(SignIn(CLIENT, certificate=Secret(env="PEM")), variables={"PEM": without}).header("dataverse")
    assert desk.entra.server.seen == []


SEEDED = SignIn(CLIENT, refresh_token=Secret(env="SEED"))


def test_a_refresh_token_signs_a_user_in_for_the_gateway(desk: Desk) -> None:
    tokens = desk.tokens(dualwrite=SEEDED)
    assert tokens.header("dualwrite") == "Bearer opaque-access-token-1"
    assert GATEWAY_SCOPE in desk.entra.tokens_asked[0]["scope"]
    assert tokens.identity("dualwrite") == USER


def test_a_replaced_refresh_token_is_kept_and_preferred_to_the_files(desk: Desk, clock: Clock) -> None:
    desk.entra.lifetime_s = 60  # msal does not reuse a kept access token that is about to end
    for _ in range(3):
        desk.tokens(dualwrite=SEEDED).header("dualwrite")
    sent = [form["refresh_token"] for form in desk.entra.tokens_asked]
    assert sent == ["seed-refresh-token", "rotated-refresh-token-1", "rotated-refresh-token-2"]


def test_a_kept_access_token_needs_no_request_and_the_user_is_known(desk: Desk) -> None:
    first = desk.tokens(dualwrite=SEEDED).header("dualwrite")
    again = desk.tokens(dualwrite=SEEDED)
    assert (again.header("dualwrite"), again.identity("dualwrite")) == (first, USER)
    assert len(desk.entra.tokens_asked) == 1


def test_a_new_token_in_the_file_is_used_instead_of_what_was_kept(desk: Desk) -> None:
    desk.tokens(dualwrite=SEEDED).header("dualwrite")
    desk.entra.refresh_tokens = {"another-seed-token"}
    tokens = desk.tokens(dualwrite=SEEDED, variables={**VARIABLES, "SEED": "another-seed-token"})
    assert tokens.header("dualwrite") == "Bearer opaque-access-token-2"


def test_when_what_was_kept_is_void_the_files_token_is_tried_again(desk: Desk) -> None:
    desk.entra.lifetime_s = 60
    desk.tokens(dualwrite=SEEDED).header("dualwrite")
    desk.entra.refresh_tokens = {"seed-refresh-token"}
    assert desk.tokens(dualwrite=SEEDED).header("dualwrite") == "Bearer opaque-access-token-2"


def test_a_void_refresh_token_says_what_to_do(desk: Desk) -> None:
    desk.entra.refresh_tokens = set()
    with pytest.raises(SignInRefused, match="AADSTS700082") as caught:
        desk.tokens(dualwrite=SEEDED).header("dualwrite")
    assert "auth.dualwrite.refresh_token" in caught.value.do


def test_a_refused_user_token_is_renewed_with_the_kept_refresh_token(desk: Desk) -> None:
    tokens = desk.tokens(dualwrite=SEEDED)
    first = tokens.header("dualwrite")
    assert tokens.header("dualwrite", first) != first
    assert desk.entra.tokens_asked[-1]["refresh_token"] == "rotated-refresh-token-1"


def test_two_environments_keep_their_users_apart(desk: Desk) -> None:
    desk.tokens(dualwrite=SEEDED).header("dualwrite")
    desk.entra.refresh_tokens = {"seed-refresh-token"}
    desk.tokens(dualwrite=SEEDED, name="test").header("dualwrite")
    assert len(list(desk.cache_dir.glob("*.json"))) == 2


@pytest.mark.skipif(os.name != "posix", reason="mode bits are posix")
def test_kept_tokens_are_for_their_owner_only(desk: Desk) -> None:
    desk.tokens(dualwrite=SEEDED).header("dualwrite")
    (place,) = desk.cache_dir.glob("*.json")
    place.chmod(0o644)
    desk.tokens(dualwrite=SEEDED).header("dualwrite")
    assert place.stat().st_mode & 0o777 == 0o600
    assert desk.cache_dir.stat().st_mode & 0o777 == 0o700


def test_a_damaged_cache_is_begun_anew(desk: Desk) -> None:
    desk.tokens(dualwrite=SEEDED).header("dualwrite")
    (place,) = desk.cache_dir.glob("*.json")
    place.write_text('{"AccessToken": {"cut off')
    desk.entra.refresh_tokens = {"seed-refresh-token"}
    assert desk.tokens(dualwrite=SEEDED).header("dualwrite") == "Bearer opaque-access-token-2"


def test_a_device_code_is_shown_and_waited_for(desk: Desk) -> None:
    desk.entra.pending = 2
    tokens = desk.tokens(DEVICE, dualwrite=DEVICE)
    tokens.header("dualwrite")
    assert desk.told == ["Open https://localhost/device and enter ABC-123"]
    assert tokens.identity("dualwrite") == USER
    tokens.header("dataverse")  # the same user, by the token that the first sign-in left
    assert len(desk.told) == 1
    desk.tokens(DEVICE, dualwrite=DEVICE).header("finance")
    assert len(desk.told) == 1


def test_a_refused_sign_in_names_the_reason_but_no_secret(desk: Desk) -> None:
    desk.entra.revoked = True
    with pytest.raises(SignInRefused, match="AADSTS7000215") as caught:
        desk.tokens().header("dataverse")
    assert "s3cret-value-1" not in str(caught.value)
    assert "Dataverse" in caught.value.what
    assert caught.value.do


@pytest.mark.parametrize(
    "fault", [DROPPED, Reply(503, b"down"), Reply(429, b"", {"Retry-After": "60"}), Reply(200, b"<p>")]
)
def test_an_authority_that_is_away_is_asked_again(desk: Desk, clock: Clock, fault: Reply) -> None:
    desk.entra.faults = [fault, fault]
    assert desk.tokens().header("dataverse") == "Bearer opaque-access-token-1"
    assert len(clock.slept) == 2


def test_an_authority_that_goes_away_is_given_up_at_the_deadline(desk: Desk, clock: Clock) -> None:
    tokens = desk.tokens()
    tokens.header("finance")
    desk.entra.faults = [DROPPED] * 1000
    with pytest.raises(Unavailable, match="no token for Dataverse"):
        tokens.header("dataverse")
    assert 580 < clock.now - 1000 <= 600


def test_an_authority_that_never_answered_is_given_up_soon(desk: Desk, clock: Clock) -> None:
    desk.entra.faults = [DROPPED] * 1000
    with pytest.raises(Unavailable, match="no token for Dataverse"):
        desk.tokens().header("dataverse")
    assert clock.now - 1000 < 10


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"token_endpoint": 5}', b'"text"'])
def test_an_authority_that_answers_nonsense_is_given_up_soon(desk: Desk, clock: Clock, body: bytes) -> None:
    desk.entra.server.script = lambda seen: Reply(200, body)
    with pytest.raises(Unavailable, match="no token for Dataverse"):
        desk.tokens().header("dataverse")
    assert clock.now - 1000 < 10


def test_an_unknown_tenant_is_said_so(desk: Desk) -> None:
    desk.entra.server.script = lambda seen: Reply(
        400, {"error": "invalid_tenant", "error_description": "AADSTS90002: x"}
    )
    with pytest.raises((SignInRefused, Unavailable)) as caught:
        desk.tokens().header("dataverse")
    assert "tenant" in caught.value.do


def test_a_service_nobody_signs_in_to_is_said_so(desk: Desk) -> None:
    with pytest.raises(SignInRefused, match="nothing says how to sign in") as caught:
        desk.tokens().header("dualwrite")
    assert caught.value.where == "auth.dualwrite"


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (Secret(env="NOT_SET"), "NOT_SET is not set"),
        (Secret(env="EMPTY"), "EMPTY is empty"),
        (Secret(file="/nowhere/at/all"), "can't be read"),
    ],
)
def test_a_secret_that_is_missing_is_said_so(desk: Desk, secret: Secret, words: str) -> None:
    with pytest.raises(SignInRefused, match=words) as caught:
        desk.tokens(replace(SECRET, client_secret=secret), variables={"EMPTY": " \n"}).header("dataverse")
    assert caught.value.where == "auth.dataverse.client_secret"


@pytest.mark.skipif(os.name != "posix", reason="mode bits are posix")
def test_a_secret_file_that_others_can_read_is_refused(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "secret.txt"
    place.write_text("s3cret-value-1\n")
    place.chmod(0o640)
    with pytest.raises(SignInRefused, match="read by others") as caught:
        desk.tokens(replace(SECRET, client_secret=Secret(file=str(place)))).header("dataverse")
    assert "chmod 600" in caught.value.do
    place.chmod(0o600)
    assert desk.tokens(replace(SECRET, client_secret=Secret(file=str(place)))).header("dataverse")


def test_msal_is_imported_only_when_a_token_is_needed() -> None:
    code = (
        "import sys, statecfg.clients.connect; sys.exit(any(name in sys.modules for name in ('msal', 'platformdirs')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
