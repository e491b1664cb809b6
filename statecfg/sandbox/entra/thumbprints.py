"""Which registered certificate a client assertion says it was signed with: `x5t` or `x5t#S256` of its header.

A signature alone isn't enough: the directory looks the certificate up by its thumbprint first.
Source: RFC 7515, 4.1.7 and 4.1.8; reference/dataverse.md, "Sign-in".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

_HEADERS = ("x5t#S256", "x5t")


def named_thumbprint(header: Mapping[str, Any]) -> str:
    """The thumbprint in an assertion's header, in upper-case hexadecimal; "" without a readable one."""
    named = next((header[name] for name in _HEADERS if isinstance(header.get(name), str)), "")
    try:
        return base64.urlsafe_b64decode(named + "=" * (-len(named) % 4)).hex().upper()
    except (binascii.Error, ValueError):
        return ""


def thumbprints(pem: str) -> tuple[str, str]:
    """The thumbprints of a certificate by both hashes, in upper-case hexadecimal."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    # SHA-1 is the identifier that the header's older name stands for; nothing is proved by it.
    first, second = (certificate.fingerprint(hash_) for hash_ in (SHA1(), SHA256()))  # noqa: S303
    return first.hex().upper(), second.hex().upper()


def public_key(pem: str) -> PublicKeyTypes:
    """The public key of a certificate."""
    return x509.load_pem_x509_certificate(pem.encode()).public_key()
