"""The clients of one environment, put together: one session, one set of tokens, one transport."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from statecfg.clients.admin import PowerPlatform
from statecfg.clients.dataverse import Dataverse
from statecfg.clients.dualwrite import Gateway
from statecfg.clients.finance import Finance
from statecfg.clients.redaction import Redaction
from statecfg.clients.secrets import Secrets
from statecfg.clients.session import Session
from statecfg.clients.token import Tokens, credentials_of
from statecfg.clients.transport import Transport
from statecfg.model.address import Source
from statecfg.model.environment import Environment
from statecfg.model.errors import DeclarationError, Problem
from statecfg.model.events import Emit, silent

# Connections to one service at once: reads and writes of all workers, with room for a fence beside them.
POOL = 16


@dataclass(frozen=True, slots=True)
class Clients:
    """What the kinds are built with. admin is None where the inventory names no environment of the admin API."""

    transport: Transport
    tokens: Tokens
    redaction: Redaction
    dataverse: Dataverse
    finance: Finance
    gateway: Gateway
    admin: PowerPlatform | None

    def close(self) -> None:
        """Give the connections back."""
        self.transport.close()


def connect(
    environment: Environment,
    *,
    tell: Callable[[str], None],
    cache_dir: Path | None = None,
    redaction: Redaction | None = None,
    emit: Emit = silent,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    variables: Mapping[str, str] | None = None,
) -> Clients:
    """Clients for an environment. Contacts nothing and reads no secret before the first request.

    Raises DeclarationError if the environment's ca_file is no file of certificates.
    tell: shows a person how to sign in. cache_dir: where users' tokens are kept; None = the user's state directory.
    variables: the process's environment, for secrets.
    """
    if environment.ca_file:
        _check_certificates(environment.ca_file)
    redaction = redaction or Redaction()
    session = Session(ca_file=environment.ca_file, pool=POOL)
    tokens = Tokens(
        credentials_of(environment),
        session,
        owner=environment.name,
        tell=tell,
        cache_dir=cache_dir or token_dir(),
        redaction=redaction,
        secrets=Secrets(redaction) if variables is None else Secrets(redaction, variables),
        clock=clock,
        sleep=sleep,
        deadline_s=environment.waits.service_s,
    )
    transport = Transport(
        session,
        tokens,
        redaction=redaction,
        emit=emit,
        clock=clock,
        sleep=sleep,
        deadline_s=environment.waits.service_s,
    )
    finance = Finance(transport, environment.finance, workers=environment.writes.workers)
    return Clients(
        transport=transport,
        tokens=tokens,
        redaction=redaction,
        dataverse=Dataverse(transport, environment.dataverse, workers=environment.writes.workers),
        finance=finance,
        gateway=Gateway(transport, environment.dualwrite, finance.host),
        admin=_admin(transport, environment),
    )


def _admin(transport: Transport, environment: Environment) -> PowerPlatform | None:
    admin = environment.admin
    if not admin.environment:
        return None
    return PowerPlatform(transport, admin.url, admin.environment, api_version=admin.api_version)


def token_dir() -> Path:
    """Where users' tokens are kept between runs."""
    import platformdirs

    return Path(platformdirs.user_state_dir("statecfg", appauthor=False)) / "tokens"


def _check_certificates(ca_file: str) -> None:
    # The first request would only say that the encrypted connection broke.
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        what = (
            "is no PEM file of certificates" if isinstance(error, ssl.SSLError) else f"can't be read: {error.strerror}"
        )
        do = "correct `ca_file` in the inventory; without it the machine's own authorities are trusted"
        raise DeclarationError([Problem("ca-file", Source(ca_file), what, do)]) from error
