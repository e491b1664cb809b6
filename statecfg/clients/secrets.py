"""Secrets, read where the inventory says they are, at the moment they are needed.

Each one is made known to the redaction before anybody else sees it. Files must be readable by their owner only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from statecfg.clients.redaction import Redaction
from statecfg.model.environment import Secret
from statecfg.model.errors import SignInRefused

LARGEST_BYTES = 1024 * 1024


class Secrets:
    """Reads secrets of the inventory. variables: the process's environment, a seam for tests."""

    def __init__(self, redaction: Redaction, variables: Mapping[str, str] = os.environ) -> None:
        self._redaction = redaction
        self._variables = variables

    def text(self, secret: Secret, where: str) -> str:
        """The secret without white space around it. Raises SignInRefused if it is missing, empty or open to others.

        where: the inventory's key, for example "auth.dataverse.client_secret".
        """
        found = self._variable(secret.env, where) if secret.env else _file(Path(secret.file), where)
        if not found.strip():
            raise SignInRefused(f"{_name(secret)} is empty", where=where, do="Put the secret there.")
        return self._redaction.keep_secret(found.strip())

    def _variable(self, name: str, where: str) -> str:
        if name not in self._variables:
            raise SignInRefused(
                f"the environment variable {name} is not set",
                where=where,
                do=f"Set {name} before the command, or name a file in the inventory.",
            )
        return self._variables[name]


def _name(secret: Secret) -> str:
    return f"the environment variable {secret.env}" if secret.env else secret.file


def _file(path: Path, where: str) -> str:
    try:
        require_owner_only(path, where)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = f"{path} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        raise SignInRefused(what, where=where, do="Put the secret there, or name another file.") from error


def require_owner_only(path: Path, where: str) -> None:
    """Raises SignInRefused for a file that others may read or that is far too large, OSError if it is not there."""
    status = path.stat()
    if status.st_size > LARGEST_BYTES:
        raise SignInRefused(f"{path} is too large for a secret", where=where, do="Name the file that holds it.")
    # Windows keeps rights elsewhere; its mode bits say nothing.
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise SignInRefused(f"{path} can be read by others", where=where, do=f"Run `chmod 600 {path}`.")
