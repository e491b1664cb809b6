"""The sandbox's own certificate authority, kept in a directory so that callers need to trust it only once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509

NAMES = ("localhost", "127.0.0.1")
_DAYS_LEFT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files, for their owner only: what callers trust, and the chain and key that the listeners show."""

    ca_file: Path
    chain_file: Path


def certificates(directory: Path) -> Certificates:
    """The authority kept in `directory`, made if there is none or it ends soon, and a fresh server certificate."""
    directory.mkdir(parents=True, exist_ok=True)
    ca_file, key_file, chain_file = (directory / name for name in ("ca.pem", "ca.key", "server.pem"))
    authority = _kept(ca_file, key_file) or trustme.CA(organization_name="statecfg sandbox")
    _write(ca_file, authority.cert_pem.bytes())
    _write(key_file, authority.private_key_pem.bytes())
    _write(chain_file, authority.issue_cert(*NAMES).private_key_and_cert_chain_pem.bytes())
    return Certificates(ca_file, chain_file)


def _kept(ca_file: Path, key_file: Path) -> trustme.CA | None:
    try:
        ca = ca_file.read_bytes()
        if x509.load_pem_x509_certificate(ca).not_valid_after_utc < datetime.now(UTC) + _DAYS_LEFT:
            return None
        return trustme.CA.from_pem(ca, key_file.read_bytes())
    except (OSError, ValueError):
        return None


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    if path.exists() and path.read_bytes() == content:
        return
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
