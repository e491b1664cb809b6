"""Texts compared as SQL Server compares them: without regard to case, with the wildcards `%`, `_` and `[set]`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

ANY = "%"
ONE = "_"


class _Folding(dict[int, str]):
    """Every sign without case, by its number; found out when it is first met."""

    def __missing__(self, number: int) -> str:
        sign = chr(number)
        plain = sign.casefold()
        # One sign stays one, and none becomes ASCII: SQLite folds that by itself and must come to the same.
        self[number] = plain if len(plain) == 1 and (number < 128 or ord(plain) >= 128) else sign
        return self[number]


_FOLDING = _Folding()


def folded(text: Any) -> Any:
    """A text without case; SQLite itself folds ASCII only."""
    return text.translate(_FOLDING) if isinstance(text, str) else text


def matches(pattern: str, text: Any) -> bool | None:
    """Whether a text matches a pattern; None for no text. Takes time in proportion to both lengths."""
    return None if text is None else _matches(_tokens(pattern), folded(str(text)))


def _matches(tokens: Sequence[str], text: str) -> bool:
    # Going back only to the last "%" suffices, and keeps hostile patterns from taking exponential time.
    token = place = 0
    star, resumed = -1, 0
    while place < len(text):
        if token < len(tokens) and tokens[token] == ANY:
            star, resumed, token = token, place, token + 1
        elif token < len(tokens) and _fits(tokens[token], text[place]):
            token, place = token + 1, place + 1
        elif star >= 0:
            resumed += 1
            token, place = star + 1, resumed
        else:
            return False
    return all(rest == ANY for rest in tokens[token:])


def _fits(token: str, sign: str) -> bool:
    if len(token) == 1:
        return token in (ONE, sign)
    members, negated = (token[2:-1], True) if token[1] == "^" else (token[1:-1], False)
    return _among(members, sign) is not negated


def _among(members: str, sign: str) -> bool:
    at = 0
    while at < len(members):
        if at + 2 < len(members) and members[at + 1] == "-":
            if members[at] <= sign <= members[at + 2]:
                return True
            at += 3
        else:
            if members[at] == sign:
                return True
            at += 1
    return False


@lru_cache(maxsize=256)
def _tokens(pattern: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\[\^?[^\]]+\]|.", folded(pattern), re.DOTALL))
