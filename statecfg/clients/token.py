"""Who signs requests: tokens for each service, by msal, asked for when needed and renewed before they run out.

msal is imported only then. A user's tokens are kept on disk between runs, in a file for its owner only; an
application's are not. Tokens and secrets leave this module only as an Authorization header.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statecfg.clients.redaction import Redaction
from statecfg.clients.refusals import presentable, service_in_words
from statecfg.clients.secrets import Secrets
from statecfg.clients.session import Session
from statecfg.clients.signin import FEW, ApplicationSignIn, Outage, SignInMethod, UserSignIn
from statecfg.model.environment import Environment, SignIn
from statecfg.model.errors import SignInRefused, Unavailable

# Source: reference/dual-write.md, "Sign-in".
GATEWAY_SCOPE = "https://IntegratorApp.com/.default"

# A token is renewed this long before it ends, so that none runs out on its way.
EARLY_S = 300.0
LONGEST_S = 24 * 3600.0
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
FIRST_TRIES = 4
"""How often an authority is asked that has never answered in this process."""

_TRANSIENT = frozenset({"temporarily_unavailable", "server_error", "service_unavailable", "request_timeout"})


@dataclass(frozen=True, slots=True)
class Credential:
    """How to get a token for one service: at which authority, for which scope, signed in how."""

    service: str
    authority: str
    scope: str
    sign_in: SignIn


def credentials_of(environment: Environment) -> Mapping[str, Credential]:
    """The credential of each service that the environment has one for.

    Source of the scopes: reference/dataverse.md, "Scopes and flows"; finance-and-operations.md, "Token"; dual-write.md,
    "Sign-in".
    """
    auth = environment.auth
    signed = {
        "dataverse": (auth.dataverse, f"{environment.dataverse.rstrip('/')}/.default"),
        "finance": (auth.finance or auth.dataverse, f"{environment.finance.rstrip('/')}/.default"),
        "dualwrite": (auth.dualwrite, GATEWAY_SCOPE),
        "admin": (auth.admin or auth.dataverse, environment.admin.scope),
    }
    return {
        service: _credential(environment, service, sign_in, scope)
        for service, (sign_in, scope) in signed.items()
        if sign_in is not None
    }


def _credential(environment: Environment, service: str, sign_in: SignIn, scope: str) -> Credential:
    tenant = sign_in.tenant or environment.tenant
    return Credential(service, f"{environment.authority.rstrip('/')}/{tenant}", sign_in.scope or scope, sign_in)


@dataclass(slots=True)
class _Held:
    """A service's token and until when (clock) it is used."""

    header: str = ""
    until: float = 0.0


class Tokens:
    """The Authorization headers of one environment's services; safe to share by threads.

    tell: shows a person what to do to sign in (device code). cache_dir: where users' tokens are kept.
    owner: whose tokens they are (the environment's name), so that test and production can have different users.
    """

    def __init__(
        self,
        credentials: Mapping[str, Credential],
        session: Session,
        *,
        owner: str,
        tell: Callable[[str], None],
        cache_dir: Path,
        redaction: Redaction,
        secrets: Secrets | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        deadline_s: float = 600.0,
    ) -> None:
        self._credentials = credentials
        self._session = session
        self._owner = owner
        self._tell = tell
        self._cache_dir = cache_dir
        self._redaction = redaction
        self._secrets = secrets or Secrets(redaction)
        self._clock = clock
        self._sleep = sleep
        self._deadline_s = deadline_s
        self._locks = {service: threading.Lock() for service in credentials}
        self._held = {service: _Held() for service in credentials}
        self._methods: dict[Any, SignInMethod] = {}
        self._methods_lock = threading.Lock()

    def header(self, service: str, refused: str = "") -> str:
        """The Authorization header for a service; a new one if the last was `refused` or is about to end.

        Raises SignInRefused (also when nothing is declared for the service), Unavailable if the authority is away.
        """
        credential = self._credential(service)
        with self._locks[service]:
            held = self._held[service]
            # Another worker may have renewed it since.
            if held.header in ("", refused) or self._clock() >= held.until:
                # What msal keeps is the token that is refused or about to end.
                self._renew(credential, held, fresh=bool(held.header))
            return held.header

    def identity(self, service: str) -> str:
        """Who is signed in to a service: a user's name, or `application <client id>`. Signs in if need be."""
        self.header(service)
        credential = self._credential(service)
        return self._method(credential).identity() or f"application {credential.sign_in.client_id}"

    def _credential(self, service: str) -> Credential:
        if service not in self._credentials:
            raise SignInRefused(
                f"nothing says how to sign in to {service_in_words(service)}",
                where=f"auth.{service}",
                do=f"Add `auth: {{{service}: ...}}` to the environment's variables in the inventory.",
            )
        return self._credentials[service]

    def _renew(self, credential: Credential, held: _Held, *, fresh: bool) -> None:
        asked_at = self._clock()
        result = self._acquired(credential, fresh)
        token = str(result["access_token"])
        if not token.startswith("eyJ"):  # those are known by their shape
            self._redaction.keep_secret(token)
        lifetime_s = _seconds(result.get("expires_in"))
        held.header = f"Bearer {token}"
        held.until = asked_at + lifetime_s - min(EARLY_S, lifetime_s * 0.2)

    def _acquired(self, credential: Credential, fresh: bool) -> Mapping[str, Any]:
        """msal's reply with a token; asked again while the authority is away, until the deadline."""
        deadline = self._clock() + self._deadline_s
        problem = ""
        for attempt, wait_s in enumerate(itertools.chain(WAITS_S, itertools.repeat(WAITS_S[-1])), start=1):
            try:
                result = self._method(credential).acquire(credential.scope, fresh=fresh)
                if "access_token" in result:
                    return result
                if not result.get("error"):
                    raise Outage("its answer holds neither a token nor a reason", tries=FEW)
                problem = str(result["error"])
                if problem not in _TRANSIENT:
                    raise self._refused(credential, result)
            except Outage as outage:
                problem = str(outage)
                if outage.tries is not None and attempt >= outage.tries:
                    raise self._away(credential, problem) from outage
            if self._clock() + wait_s > deadline or (attempt >= FIRST_TRIES and not self._ever_signed_in):
                break
            self._sleep(wait_s)
        raise self._away(credential, problem)

    @property
    def _ever_signed_in(self) -> bool:
        """Whether the authority has answered in this process: one that never did is not waited for long."""
        return any(held.header for held in self._held.values())

    def _method(self, credential: Credential) -> SignInMethod:
        """How this credential signs in; services with the same client and secret share it."""
        key = (credential.authority, credential.sign_in.client_id, credential.sign_in)
        with self._methods_lock:
            if key not in self._methods:
                self._methods[key] = self._new_method(credential)
            return self._methods[key]

    def _new_method(self, credential: Credential) -> SignInMethod:
        sign_in, where = credential.sign_in, f"auth.{credential.service}"
        if sign_in.refresh_token or sign_in.device_code:
            seed = self._secrets.text(sign_in.refresh_token, f"{where}.refresh_token") if sign_in.refresh_token else ""
            return UserSignIn(
                credential.authority,
                sign_in.client_id,
                self._session,
                seed=seed,
                owner=self._owner,
                cache_dir=self._cache_dir,
                tell=lambda message: self._tell(presentable(message, self._redaction)),
                keep_secret=self._redaction.keep_secret,
            )
        return ApplicationSignIn(credential.authority, sign_in, self._session, secrets=self._secrets, where=where)

    def _refused(self, credential: Credential, result: Mapping[str, Any]) -> SignInRefused:
        described = str(result.get("error_description") or result.get("error") or "no reason given").split("\r\n")[0]
        said = presentable(described, self._redaction)
        return SignInRefused(
            f"sign-in for {service_in_words(credential.service)} was refused: {said}",
            where=credential.authority,
            do=_remedy(credential, str(result.get("error") or "")),
            status=401,
            code=presentable(str(result.get("error") or ""), self._redaction),
            request_id=presentable(str(result.get("correlation_id") or ""), self._redaction)[:100],
        )

    def _away(self, credential: Credential, problem: str) -> Unavailable:
        return Unavailable(
            f"no token for {service_in_words(credential.service)}: {presentable(problem, self._redaction)}",
            where=credential.authority,
            do="Check `authority` and `tenant` in the inventory, and whether the sign-in service can be reached.",
        )


def _seconds(said: Any) -> float:
    """How long a token is good; 0, so that it is used once, if that can't be understood."""
    try:
        return min(max(float(said), 0.0), LONGEST_S)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _remedy(credential: Credential, error: str) -> str:
    sign_in, key = credential.sign_in, f"auth.{credential.service}"
    if error == "invalid_resource":
        return (
            f"Check the address of `{credential.service}` in the inventory, and the tenant: they don't belong together."
        )
    if error in ("invalid_tenant", "unauthorized_client"):
        return f"Check `tenant` in the inventory and the client id of `{key}`."
    if sign_in.refresh_token:
        return f"Put a new refresh token where `{key}.refresh_token` points, or use `device_code: true`."
    if sign_in.device_code:
        return "Run the command again and sign in with the code it shows."
    if sign_in.certificate:
        return f"Check that the certificate of `{key}` is registered for client {sign_in.client_id} and still valid."
    return f"Check the client id and the secret of `{key}`; a client secret may have expired."
