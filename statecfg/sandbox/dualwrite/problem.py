"""One reason why a map cannot start, as the gateway words it."""

from __future__ import annotations

from dataclasses import dataclass

from statecfg.sandbox.dualwrite import texts


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a map can't start: the service's code, and words for what was found."""

    code: str
    text: str = ""

    @property
    def message(self) -> str:
        """As the gateway words it."""
        return texts.validation_failed(self.code, self.text)
