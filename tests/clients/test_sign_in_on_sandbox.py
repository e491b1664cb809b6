"""Each way to sign in reaches every service it is for, on the sandbox's own authority."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from statecfg.clients.connect import Clients
from statecfg.model.environment import Secret, SignIn
from statecfg.model.errors import SignInRefused
from statecfg.sandbox.server import Sandbox
from tests.clients.certificate import self_signed
from tests.clients.company import Company


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), contracts=3, milestones=12) as sandbox:
        yield sandbox


@pytest.fixture
def company(running: Sandbox, tmp_path: Path) -> Company:
    running.world.faults.clear()
    return Company(running, tmp_path)


def read_everything(clients: Clients) -> None:
    assert clients.dataverse.user()["UserId"]
    assert clients.finance.count("Companies")
    assert clients.admin is not None
    assert clients.admin.environment().runtime


def test_by_secret_and_refresh_token(company: Company) -> None:
    with company.clients() as clients:
        read_everything(clients)
        assert clients.gateway.maps()
        assert clients.tokens.identity("dataverse").startswith("application ")
        assert "@" in clients.tokens.identity("dualwrite")


def test_by_certificate(company: Company) -> None:
    registered, pem = certificate_pem()
    client = company.sandbox.details["client_id"]
    company.sandbox.kernel.services["entra"].directory.register(client, certificate=registered)  # type: ignore[attr-defined]
    by_certificate = SignIn(client, certificate=Secret(env="pem"))
    with company.clients(dataverse=by_certificate, variables={"pem": pem}) as clients:
        read_everything(clients)
    with (
        company.clients(dataverse=by_certificate, variables={"pem": certificate_pem()[1]}) as clients,
        pytest.raises(SignInRefused, match="AADSTS"),
    ):
        clients.dataverse.user()


def certificate_pem() -> tuple[str, str]:
    """(certificate, private key and certificate), as texts."""
    key, certificate = self_signed()
    text = certificate.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text, private.decode() + text


def test_by_device_code(company: Company) -> None:
    by_code = SignIn(company.sandbox.details["dualwrite_client_id"], device_code=True)
    grants = company.sandbox.kernel.services["entra"].grants  # type: ignore[attr-defined]

    def tell(message: str) -> None:
        company.told.append(message)
        code = next(word.strip(".") for word in message.split() if word.strip(".").isupper() and len(word) > 5)
        threading.Timer(0.1, grants.approve, (code, "")).start()

    company.sandbox.world.settings["entra.device_interval_s"] = 0
    with company.clients(dualwrite=by_code, tell=tell) as clients:
        assert clients.gateway.maps()
    assert len(company.told) == 1
    with company.clients(dualwrite=by_code, tell=tell) as clients:
        assert clients.gateway.maps()
    assert len(company.told) == 1


def test_a_kept_sign_in_goes_on_in_later_runs(company: Company) -> None:
    company.sandbox.world.settings["entra.token_lifetime_s"] = 60
    for _ in range(3):
        with company.clients() as clients:
            assert clients.gateway.maps()
    company.sandbox.world.settings["entra.token_lifetime_s"] = 3599


def test_the_gateway_takes_no_application(company: Company) -> None:
    with company.clients(dualwrite=company.by_secret) as clients, pytest.raises(SignInRefused) as caught:
        clients.gateway.maps()
    assert "user" in caught.value.do


def test_a_wrong_secret_is_refused_without_being_shown(company: Company) -> None:
    with (
        company.clients(variables={"client_secret": "wrong-secret-value"}) as clients,
        pytest.raises(SignInRefused) as caught,
    ):
        clients.dataverse.user()
    assert "wrong-secret-value" not in f"{caught.value} {caught.value.do} {caught.value.where}"
