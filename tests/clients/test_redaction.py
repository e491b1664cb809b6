"""No secret survives the one place through which every text goes."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest

from statecfg.clients.redaction import HIDDEN, Redaction

TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL3gifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        (f"the token {TOKEN} has expired", TOKEN),
        ("Authorization: bearer opaque-token-value", "opaque-token-value"),
        ("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey=abc/def==", "abc/def"),
        ("https://x.blob.core.windows.net/dmf/f?sv=2020&sig=abcDEF%2B&se=2030", "abcDEF"),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Zm9vYmFy==;EndpointSuffix=x", "Zm9vYmFy"),
        ('{"client_secret":"s3cr3t~value","grant_type":"x"}', "s3cr3t~value"),
        ('{\\"refresh_token\\":\\"0.AXoAabc\\"}', "0.AXoAabc"),
        ("grant_type=refresh_token&refresh_token=1.AbcDefGhi&scope=x", "1.AbcDefGhi"),
        ("password: hunter2hunter2", "hunter2"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\nabc\n-----END PRIVATE KEY-----", "MIIEvQ"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ and then it was cut", "MIIEvQ"),
    ],
)
def test_secrets_are_hidden_by_their_shape(text: str, secret: str) -> None:
    cleaned = Redaction().clean(text)
    assert secret not in cleaned
    assert HIDDEN in cleaned


def test_a_secret_that_was_read_is_hidden_however_it_is_spelt() -> None:
    secret = 'p/w "ä" +1&x'
    redaction = Redaction()
    assert redaction.keep_secret(secret) == secret
    for spelling in (secret, quote_plus(secret), json.dumps(secret)):
        assert spelling.strip('"') not in redaction.clean(f"before {spelling} after")


def test_a_secret_within_another_leaves_no_rest() -> None:
    redaction = Redaction()
    redaction.keep_secret("abcdefgh")
    redaction.keep_secret("abcdefgh-and-more")
    assert redaction.clean("is abcdefgh-and-more.") == f"is {HIDDEN}."


@pytest.mark.parametrize(
    "text",
    [
        "The key in the request URI is not valid",
        "Sign-in by refresh_token is not allowed for this client",
        "contract CON-0001 / L1 / Kick-off, 12,500.00 USD",
        "https://contoso.crm4.dynamics.com/api/data/v9.2/salesorders(0f0e5a3c-1b1c-4f6e-9d2b-3f1a2b3c4d5e)",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redaction().clean(text) == text
