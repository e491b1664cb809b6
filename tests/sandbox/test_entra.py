"""The sign-in service, seen by unmodified msal over TLS."""

from __future__ import annotations

import base64
import datetime
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from statecfg.sandbox.certificates import certificates
from statecfg.sandbox.entra.directory import Client, Directory, Federation, User
from statecfg.sandbox.entra.service import Entra
from statecfg.sandbox.entra.tokens import TokenRefused, Tokens
from statecfg.sandbox.kernel import Kernel
from statecfg.sandbox.listeners import Listeners, bound_sockets
from statecfg.sandbox.wire import Answer, Request, json_answer
from statecfg.sandbox.world import World

TENANT = "7f3d1c52-9d0e-4d1f-8f55-0c6b7a2f9f11"
CLIENT = "11111111-2222-4333-8444-555555555555"
SECRET = "let-me-in"
GATEWAY = "https://IntegratorApp.com"


class Guarded:
    """A service that says whom it sees."""

    def __init__(self, name: str, tokens: Tokens) -> None:
        self.name = name
        self._tokens = tokens

    def answer(self, request: Request) -> Answer:
        try:
            caller = self._tokens.caller(request)
        except TokenRefused as refused:
            return json_answer({"error": refused.reason}, 401)
        return json_answer({"client": caller.client_id, "upn": caller.upn, "app": caller.is_app})

    def refusal(self, request: Request, status: int, code: str, message: str) -> Answer:
        return json_answer({"error": message}, status)


@dataclass
class Place:
    kernel: Kernel
    entra: Entra
    session: requests.Session
    authority: str
    data_url: str
    extra: dict[str, Any] = field(default_factory=dict)

    def confidential(self, credential: Any, client_id: str = CLIENT) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            client_id,
            client_credential=credential,
            authority=self.authority,
            instance_discovery=False,
            http_client=self.session,
        )

    def public(self) -> msal.PublicClientApplication:
        return msal.PublicClientApplication(
            CLIENT, authority=self.authority, instance_discovery=False, http_client=self.session
        )

    def seen(self, token: str) -> requests.Response:
        return self.session.get(self.data_url, headers={"Authorization": f"Bearer {token}"}, timeout=10)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    world = World()
    kernel = Kernel(world)
    directory = Directory(TENANT)
    directory.add_client(Client(CLIENT, "statecfg", secrets=(SECRET,)))
    directory.add_user(User("Ada Sommer", "ada@contoso.example", password="pass"))
    tokens = Tokens(directory, lambda: world.now().timestamp())
    entra = Entra(directory, tokens, world.settings)
    entra.register(kernel.control)
    kernel.serve(entra)
    kernel.serve(Guarded("data", tokens))
    kernel.expire_token = tokens.expire
    kept = certificates(tmp_path_factory.mktemp("ca"))
    listeners = Listeners(kernel, bound_sockets(["entra", "data"], 0), kept)
    data_url = f"https://localhost:{listeners.ports['data']}"
    directory.add_resource(data_url, "data")
    directory.add_resource(GATEWAY, "dualwrite")
    listeners.start()
    session = requests.Session()
    session.trust_env = False
    session.verify = str(kept.ca_file)
    authority = f"https://localhost:{listeners.ports['entra']}/{TENANT}"
    yield Place(kernel, entra, session, authority, data_url)
    session.close()
    listeners.close()
    world.close()


@pytest.fixture
def place(running: Place) -> Iterator[Place]:
    kept = running.kernel.world.settings.shown()
    yield running
    running.kernel.world.settings.change(kept)


@dataclass
class Own:
    """A certificate with its key, PEM, and its thumbprints in hexadecimal."""

    private: str
    certificate: str

    def thumbprint(self, hashing: hashes.HashAlgorithm) -> str:
        return x509.load_pem_x509_certificate(self.certificate.encode()).fingerprint(hashing).hex()

    def assertion(self, place: Place, header: dict[str, str] | None = None, **claims: Any) -> str:
        """What msal would sign, but for what is given."""
        now = int(time.time())
        usual = {"iss": CLIENT, "sub": CLIENT, "aud": f"{place.authority}/oauth2/v2.0/token", "exp": now + 600}
        digest = base64.urlsafe_b64encode(bytes.fromhex(self.thumbprint(hashes.SHA256()))).decode().rstrip("=")
        named = {"x5t#S256": digest} if header is None else header
        return jwt.encode({**usual, "nbf": now - 900, **claims}, self.private, "PS256", headers=named)


@pytest.fixture(scope="module")
def own(running: Place) -> Own:
    """A certificate that is registered, after another one."""
    before, made = self_signed(), Own(*self_signed())
    for certificate in (before[1], made.certificate):
        running.entra.directory.register(CLIENT, certificate=certificate)
    return made


def self_signed() -> tuple[str, str]:
    """A private key and its certificate, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "statecfg test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_a_secret_earns_a_token_that_its_service_accepts(place: Place) -> None:
    got = place.confidential(SECRET).acquire_token_for_client([f"{place.data_url}/.default"])
    seen = place.seen(got["access_token"])
    assert seen.json() == {"client": CLIENT, "upn": "", "app": True}


def test_a_cached_token_is_used_again(place: Place) -> None:
    app = place.confidential(SECRET)
    first = app.acquire_token_for_client([f"{place.data_url}/.default"])
    second = app.acquire_token_for_client([f"{place.data_url}/.default"])
    assert second["token_source"] == "cache"
    assert first["access_token"] == second["access_token"]


def test_a_wrong_secret_is_refused_in_words_that_msal_reports(place: Place) -> None:
    got = place.confidential("guess").acquire_token_for_client([f"{place.data_url}/.default"])
    assert got["error"] == "invalid_client"
    assert got["error_codes"] == [7000215]
    assert "AADSTS7000215" in got["error_description"]


def test_an_unknown_application_is_refused(place: Place) -> None:
    got = place.confidential(SECRET, client_id=TENANT).acquire_token_for_client([f"{place.data_url}/.default"])
    assert (got["error"], got["error_codes"]) == ("unauthorized_client", [700016])


def test_an_unknown_resource_is_refused(place: Place) -> None:
    got = place.confidential(SECRET).acquire_token_for_client(["https://elsewhere.example/.default"])
    assert (got["error"], got["error_codes"]) == ("invalid_resource", [500011])


def test_msal_says_that_an_unknown_tenant_is_none(place: Place) -> None:
    with pytest.raises(ValueError, match="double check your tenant name or GUID"):
        msal.ConfidentialClientApplication(
            CLIENT,
            client_credential=SECRET,
            authority=place.authority.replace(TENANT, CLIENT),
            instance_discovery=False,
            http_client=place.session,
        )


def test_an_unknown_tenant_is_refused(place: Place) -> None:
    other = place.authority.replace(TENANT, CLIENT)
    answer = place.session.get(f"{other}/v2.0/.well-known/openid-configuration", timeout=10)
    assert answer.status_code == 400
    assert "AADSTS90002" in answer.json()["error_description"]


def test_a_token_for_another_service_is_refused(place: Place) -> None:
    got = place.confidential(SECRET).acquire_token_for_client([f"{GATEWAY}/.default"])
    answer = place.seen(got["access_token"])
    assert answer.status_code == 401
    assert GATEWAY in answer.json()["error"]


def test_no_token_and_a_foreign_token_are_refused(place: Place) -> None:
    foreign = jwt.encode({"aud": place.data_url, "exp": time.time() + 60, "appid": "x", "oid": "y"}, "k" * 32)
    assert place.session.get(place.data_url, timeout=10).status_code == 401
    assert place.seen(foreign).status_code == 401


@pytest.mark.parametrize("older", [True, False])
def test_a_certificate_earns_a_token_by_either_thumbprint(place: Place, own: Own, older: bool) -> None:
    named = {"thumbprint": own.thumbprint(hashes.SHA1())} if older else {"public_certificate": own.certificate}
    app = place.confidential({"private_key": own.private, **named})
    got = app.acquire_token_for_client([f"{place.data_url}/.default"])
    assert place.seen(got["access_token"]).json()["app"] is True


def test_the_thumbprint_and_the_signature_must_be_of_one_certificate(place: Place, own: Own) -> None:
    other, _ = self_signed()
    scope = [f"{place.data_url}/.default"]
    theirs = place.confidential({"private_key": other, "thumbprint": own.thumbprint(hashes.SHA1())})
    unnamed = place.confidential({"private_key": own.private, "thumbprint": "AB" * 20})
    refused = [app.acquire_token_for_client(scope) for app in (theirs, unnamed)]
    assert [got["error_codes"] for got in refused] == [[700027], [700027]]
    assert "verify the signature failed" in refused[0]["error_description"]
    assert f"Thumbprint of key used by client: '{'AB' * 20}'" in refused[1]["error_description"]


@pytest.mark.parametrize("header", [{}, {"x5t": "?"}, {"x5t#S256": ""}, {"kid": "1"}])
def test_an_assertion_that_names_no_certificate_is_refused(place: Place, own: Own, header: dict[str, str]) -> None:
    credential = {"client_assertion": lambda: own.assertion(place, header)}
    got = place.confidential(credential).acquire_token_for_client([f"{GATEWAY}/.default"])
    assert (got["error"], got["error_codes"]) == ("invalid_client", [700027])


@pytest.mark.parametrize(
    ("claims", "number"),
    [({"aud": "https://elsewhere.example"}, 700023), ({"sub": TENANT}, 700023), ({"exp": 1}, 700024)],
)
def test_an_assertion_is_for_this_endpoint_this_application_and_now(
    place: Place, own: Own, claims: dict[str, Any], number: int
) -> None:
    good = place.confidential({"client_assertion": lambda: own.assertion(place)})
    assert "access_token" in good.acquire_token_for_client([f"{GATEWAY}/.default"])
    bad = place.confidential({"client_assertion": lambda: own.assertion(place, **claims)})
    got = bad.acquire_token_for_client([f"{GATEWAY}/.default"])
    assert (got["error"], got["error_codes"]) == ("invalid_client", [number])


def test_a_certificate_that_is_not_registered_is_refused(place: Place) -> None:
    private, certificate = self_signed()
    credential = {"private_key": private, "public_certificate": certificate}
    got = place.confidential(credential).acquire_token_for_client([f"{place.data_url}/.default"])
    assert (got["error"], got["error_codes"]) == ("invalid_client", [700027])


def test_a_federated_assertion_earns_a_token(place: Place) -> None:
    private, certificate = self_signed()
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    trust = {"issuer": "https://ci.example", "subject": "repo:a:main", "public_key_pem": pem.decode()}
    place.entra.directory.register(CLIENT, federation=Federation(**trust))
    claims = {"iss": "https://ci.example", "sub": "repo:a:main", "aud": "api://AzureADTokenExchange"}
    credential = {"client_assertion": lambda: jwt.encode(claims | {"exp": time.time() + 60}, private, "RS256")}
    got = place.confidential(credential).acquire_token_for_client([f"{place.data_url}/.default"])
    assert place.seen(got["access_token"]).status_code == 200


def test_a_device_code_waits_for_a_person(place: Place) -> None:
    place.kernel.world.settings["entra.device_interval_s"] = 0.05
    app = place.public()
    flow = app.initiate_device_flow([f"{place.data_url}/.default"])
    entering = threading.Timer(
        0.3,
        lambda: place.session.post(flow["verification_uri"], data={"user_code": flow["user_code"]}, timeout=10),
    )
    entering.start()
    got = app.acquire_token_by_device_flow(flow)
    entering.join()
    assert place.seen(got["access_token"]).json() == {"client": CLIENT, "upn": "ada@contoso.example", "app": False}
    [account] = app.get_accounts()
    silent = app.acquire_token_silent([f"{place.data_url}/.default"], account=account)
    assert silent["access_token"] == got["access_token"]


def test_a_device_code_can_approve_itself_after_some_polls(place: Place) -> None:
    place.kernel.world.settings.change({"entra.device_interval_s": 0.05, "entra.device_approve_after": 2})
    app = place.public()
    got = app.acquire_token_by_device_flow(app.initiate_device_flow([f"{GATEWAY}/.default"]))
    assert jwt.decode(got["access_token"], options={"verify_signature": False})["aud"] == GATEWAY


@pytest.mark.parametrize(("declined", "error"), [(True, "authorization_declined"), (False, "expired_token")])
def test_a_declined_or_expired_device_code_earns_nothing(place: Place, declined: bool, error: str) -> None:
    place.kernel.world.settings.change({"entra.device_interval_s": 0.05})
    if not declined:
        place.kernel.world.settings["entra.device_expires_s"] = -1
    app = place.public()
    flow = app.initiate_device_flow([f"{GATEWAY}/.default"])
    flow["expires_at"] = time.time() + 5
    if declined:
        place.kernel.control.call("device-approve", "POST", {"declined": True})
    assert app.acquire_token_by_device_flow(flow)["error"] == error


def test_a_poll_that_comes_too_soon_is_told_to_slow_down(place: Place) -> None:
    place.kernel.world.settings.change({"entra.slow_down": True, "entra.device_interval_s": 60})
    flow = place.public().initiate_device_flow([f"{GATEWAY}/.default"])
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    form = {"client_id": CLIENT, "grant_type": grant, "device_code": flow["device_code"]}
    answers = [place.session.post(f"{place.authority}/oauth2/v2.0/token", data=form, timeout=10) for _ in range(2)]
    assert [answer.json()["error"] for answer in answers] == ["authorization_pending", "slow_down"]


def test_msal_reports_waiting_and_slowing_down_as_they_are_told(place: Place) -> None:
    place.kernel.world.settings.change({"entra.slow_down": True, "entra.device_interval_s": 60})
    # A client that doesn't keep to what it was told; a new one each time, since msal repeats refusals from memory.
    flow = place.public().initiate_device_flow([f"{GATEWAY}/.default"]) | {"interval": 1}
    polls = [place.public().acquire_token_by_device_flow(flow, exit_condition=lambda flow: True) for _ in range(2)]
    assert [(got["error"], got["error_codes"]) for got in polls] == [
        ("authorization_pending", [70016]),
        ("slow_down", [70022]),
    ]


def test_a_refresh_token_earns_tokens_for_any_resource(place: Place) -> None:
    client, user = place.entra.directory.client(CLIENT), place.entra.directory.user()
    assert client is not None
    assert user is not None
    token = place.entra.tokens.refresh_token(client, user)
    got = place.public().acquire_token_by_refresh_token(token, [f"{GATEWAY}/.default"])
    assert f"{GATEWAY}/.default" in got["scope"]
    again = place.public().acquire_token_by_refresh_token(got["refresh_token"], [f"{place.data_url}/.default"])
    assert place.seen(again["access_token"]).json()["upn"] == "ada@contoso.example"


def test_a_revoked_refresh_token_earns_nothing(place: Place) -> None:
    client, user = place.entra.directory.client(CLIENT), place.entra.directory.user()
    assert client is not None
    assert user is not None
    token = place.entra.tokens.refresh_token(client, user)
    place.kernel.control.call("refresh-tokens", "DELETE")
    for each in (token, "1.nothing"):
        got = place.public().acquire_token_by_refresh_token(each, [f"{GATEWAY}/.default"])
        assert (got["error"], got["error_codes"]) == ("invalid_grant", [70008])


@pytest.mark.parametrize(("password", "status"), [("pass", 200), ("guess", 400)])
def test_a_password_earns_a_token_if_it_is_right(place: Place, password: str, status: int) -> None:
    form = {"grant_type": "password", "client_id": CLIENT, "username": "ada@contoso.example", "password": password}
    form["scope"] = f"{GATEWAY}/.default"
    assert place.session.post(f"{place.authority}/oauth2/v2.0/token", data=form, timeout=10).status_code == status


def test_a_short_lived_token_expires(place: Place) -> None:
    place.kernel.world.settings["entra.token_lifetime_s"] = 0
    got = place.confidential(SECRET).acquire_token_for_client([f"{place.data_url}/.default"])
    assert place.seen(got["access_token"]).status_code == 401


def test_the_worlds_clock_ends_tokens_and_device_codes(place: Place) -> None:
    got = place.confidential(SECRET).acquire_token_for_client([f"{place.data_url}/.default"])
    flow = place.public().initiate_device_flow([f"{GATEWAY}/.default"])
    place.kernel.world.settings["clock.offset_s"] = 3600
    assert place.seen(got["access_token"]).status_code == 401
    polled = place.public().acquire_token_by_device_flow(flow, exit_condition=lambda flow: True)
    assert polled["error"] == "expired_token"


def test_a_person_signs_in_whatever_the_worlds_clock_says(place: Place) -> None:
    place.kernel.world.settings.change(
        {"clock.offset_s": 30 * 24 * 3600, "entra.device_approve_after": 1, "entra.device_interval_s": 0.05}
    )
    app = place.public()
    got = app.acquire_token_by_device_flow(app.initiate_device_flow([f"{place.data_url}/.default"]))
    assert got["id_token_claims"]["preferred_username"] == "ada@contoso.example"
    assert place.seen(got["access_token"]).status_code == 200


def test_a_fault_expires_the_token_of_a_request(place: Place) -> None:
    got = place.confidential(SECRET).acquire_token_for_client([f"{place.data_url}/.default"])
    place.kernel.world.faults.add({"effect": "expire_token", "service": "data", "occurrence": 2})
    statuses = [place.seen(got["access_token"]).status_code for _ in range(3)]
    place.kernel.world.faults.clear()
    assert statuses == [200, 401, 401]


@pytest.mark.parametrize("form", [{}, {"grant_type": "x"}, {"grant_type": "client_credentials", "client_id": CLIENT}])
def test_an_incomplete_token_request_is_refused_not_crashed(place: Place, form: dict[str, str]) -> None:
    answer = place.session.post(f"{place.authority}/oauth2/v2.0/token", data=form, timeout=10)
    assert answer.status_code in (400, 401)
    assert answer.json()["error_codes"]
    assert not place.kernel.crashes
