"""The ways to sign in, as msal does them: an application by secret or certificate, a user by refresh token or code.

Each returns msal's own reply (a mapping with access_token, or with error and error_description). msal is imported here
and nowhere else, when the first token is asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import requests

from statecfg.clients import outages
from statecfg.clients.secrets import Secrets, require_owner_only
from statecfg.clients.session import Session
from statecfg.model.environment import SignIn
from statecfg.model.errors import SignInRefused

Reply = Mapping[str, Any]

# A refresh token that nobody used for so long is void; its file is cleared away.
KEPT_S = 90 * 24 * 3600.0

_KEY = re.compile(r"-----BEGIN (?P<kind>[A-Z ]*PRIVATE KEY)-----.+?-----END (?P=kind)-----", re.DOTALL)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class Outage(Exception):
    """The authority gave no usable answer. tries: how often it is worth asking; None = until the deadline."""

    def __init__(self, what: str, *, tries: int | None = None) -> None:
        super().__init__(what)
        self.tries = tries


class SignInMethod(Protocol):
    """One client at one authority."""

    def acquire(self, scope: str, *, fresh: bool) -> Reply:
        """msal's reply for a scope; `fresh` passes by every cached access token. Raises Outage."""

    def identity(self) -> str:
        """The signed-in user's name, "" for an application."""


class _Msal:
    """What the two ways share: an msal application, made when first needed and its errors understood."""

    def __init__(self, make: Callable[[Any, dict[str, Any]], Any]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._application: Any = None
        self._http_cache: dict[str, Any] = {}

    def call(self, use: Callable[[Any], Reply | None]) -> Reply:
        """What `use` gets from the msal application. Raises Outage; a later call starts afresh then."""
        import msal

        with self._lock:
            try:
                return use(self._ready(msal)) or {"error": "no_token", "error_description": "no token was given"}
            except requests.RequestException as error:
                self._forget_failures()
                raise Outage(outages.reason(error), tries=1 if outages.untrusted(error) else None) from error
            except msal.exceptions.MsalError as error:
                self._forget_failures()
                raise Outage(str(error)) from error
            except _MISUNDERSTOOD as error:
                self._forget_failures()
                raise Outage(str(error) or type(error).__name__, tries=FEW) from error

    def _ready(self, msal: Any) -> Any:
        if self._application is None:
            self._application = self._make(msal, self._http_cache)
        return self._application

    def _forget_failures(self) -> None:
        # msal answers repeats of a failed request from memory for up to an hour
        # (reference/dataverse.md, "What MSAL 1.39.0 demands").
        self._http_cache.clear()


# An answer that isn't what it should be may be the same every time.
FEW = 4
# What msal lets through when an authority answers with no JSON, or with JSON of another form.
_MISUNDERSTOOD = (ValueError, RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError)


class ApplicationSignIn:
    """An application signs in as itself, by client secret or certificate. Its tokens live in memory only."""

    def __init__(self, authority: str, sign_in: SignIn, session: Session, *, secrets: Secrets, where: str) -> None:
        credential = _client_credential(sign_in, secrets, where)
        self._msal = _Msal(
            lambda msal, http_cache: msal.ConfidentialClientApplication(
                sign_in.client_id,
                client_credential=credential,
                authority=authority,
                instance_discovery=False,
                http_client=session,
                http_cache=http_cache,
            )
        )

    def acquire(self, scope: str, *, fresh: bool) -> Reply:
        def use(application: Any) -> Reply | None:
            if fresh:
                application.remove_tokens_for_client()
            reply: Reply | None = application.acquire_token_for_client([scope])
            return reply

        return self._msal.call(use)

    def identity(self) -> str:
        return ""


def _client_credential(sign_in: SignIn, secrets: Secrets, where: str) -> str | dict[str, str]:
    if sign_in.client_secret:
        return secrets.text(sign_in.client_secret, f"{where}.client_secret")
    if not sign_in.certificate:
        raise SignInRefused(
            "nothing says how to sign in",
            where=where,
            do="Name a client_secret, a certificate, a refresh_token or device_code.",
        )
    passphrase = ""
    if sign_in.certificate_password:
        passphrase = secrets.text(sign_in.certificate_password, f"{where}.certificate_password")
    if sign_in.certificate.file.lower().endswith((".pfx", ".p12")):
        return _pfx(Path(sign_in.certificate.file), passphrase, f"{where}.certificate")
    return _pem(secrets.text(sign_in.certificate, f"{where}.certificate"), passphrase, f"{where}.certificate")


def _pfx(path: Path, passphrase: str, where: str) -> dict[str, str]:
    try:
        require_owner_only(path, where)
    except OSError as error:
        raise SignInRefused(f"{path} can't be read: {error.strerror}", where=where, do="Name another file.") from error
    return {"private_key_pfx_path": str(path)} | ({"passphrase": passphrase} if passphrase else {})


def _pem(text: str, passphrase: str, where: str) -> dict[str, str]:
    key, certificate = _KEY.search(text), _CERTIFICATE.search(text)
    if not key or not certificate:
        missing = "private key" if not key else "certificate"
        raise SignInRefused(
            f"the PEM text holds no {missing}", where=where, do="Put private key and certificate into one PEM file."
        )
    found = {"private_key": key.group(), "public_certificate": certificate.group()}
    return found | ({"passphrase": passphrase} if passphrase else {})


class UserSignIn:
    """A user signs in: by the tokens kept from last time, else by a refresh token (`seed`), else by a code to type.

    A refresh token that the authority replaces is kept in the cache and preferred from then on; another seed starts
    a cache of its own.
    """

    def __init__(
        self,
        authority: str,
        client_id: str,
        session: Session,
        *,
        seed: str,
        owner: str,
        cache_dir: Path,
        tell: Callable[[str], None],
        keep_secret: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._seed = seed
        self._tell = tell
        self._keep_secret = keep_secret
        self._user = ""
        place = cache_file(cache_dir, owner, authority, client_id, seed)
        self._msal = _Msal(
            lambda msal, http_cache: msal.PublicClientApplication(
                client_id,
                authority=authority,
                instance_discovery=False,
                http_client=session,
                http_cache=http_cache,
                token_cache=_kept_tokens(place),
            )
        )

    def acquire(self, scope: str, *, fresh: bool) -> Reply:
        reply = self._msal.call(lambda application: self._from_cache(application, scope, fresh))
        if "access_token" not in reply and reply.get("error") in _SIGN_IN_AGAIN:
            reply = self._msal.call(lambda application: self._signed_in(application, scope))
        self._user = _user_of(reply) or self._user
        return reply

    def identity(self) -> str:
        if not self._user:
            accounts = self._msal.call(lambda application: {"accounts": application.get_accounts()})["accounts"]
            self._user = next((str(account.get("username") or "") for account in accounts), "")
        return self._user

    def _from_cache(self, application: Any, scope: str, fresh: bool) -> Reply | None:
        for kept in application.token_cache.search(application.token_cache.CredentialType.REFRESH_TOKEN):
            self._keep_secret(str(kept.get("secret") or ""))
        for account in application.get_accounts():
            reply: Reply | None = application.acquire_token_silent_with_error(
                [scope], account=account, force_refresh=fresh
            )
            if reply:
                return reply
        return None

    def _signed_in(self, application: Any, scope: str) -> Reply | None:
        if self._seed:
            reply: Reply | None = application.acquire_token_by_refresh_token(self._seed, [scope])
            return reply
        flow = application.initiate_device_flow(scopes=[scope])
        if "user_code" not in flow:
            return dict(flow)
        self._keep_secret(str(flow.get("device_code") or ""))
        self._tell(flow.get("message") or f"To sign in, open {flow['verification_uri']} and enter {flow['user_code']}.")
        result: Reply | None = application.acquire_token_by_device_flow(flow)
        return result


# Replies of a cache that can't help: nothing kept, or a kept refresh token that is no longer accepted.
_SIGN_IN_AGAIN = frozenset({"no_token", "invalid_grant", "interaction_required", "login_required", "consent_required"})


def _user_of(reply: Reply) -> str:
    claims = reply.get("id_token_claims") or {}
    return str(claims.get("preferred_username") or claims.get("upn") or "")


def cache_file(cache_dir: Path, owner: str, authority: str, client_id: str, seed: str) -> Path:
    """Where a user's tokens are kept: one file for owner, authority and client, another one for another seed."""
    who = _digest(owner, authority, client_id)
    return cache_dir / f"{who}-{_digest(seed) if seed else 'code'}.json"


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=10).hexdigest()


def _kept_tokens(place: Path) -> Any:
    """msal's token cache in a file that only its owner can read; one that can't be understood is begun anew."""
    import msal_extensions

    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if place.parent.stat().st_mode & 0o077:
        place.parent.chmod(0o700)
    for older in place.parent.glob("*.json"):
        if older != place and time.time() - older.stat().st_mtime > KEPT_S:
            older.unlink(missing_ok=True)
    if sys.platform == "win32":
        return msal_extensions.PersistedTokenCache(msal_extensions.build_encrypted_persistence(str(place)))
    _begin_anew_if_damaged(place)
    return msal_extensions.PersistedTokenCache(msal_extensions.FilePersistence(str(place)))


def _begin_anew_if_damaged(place: Path) -> None:
    try:
        place.chmod(0o600)
        json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except ValueError:
        place.unlink(missing_ok=True)
