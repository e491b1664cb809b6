"""What a script does with a client, step by step, and what came of each step. Standard library only.

A step that fails is written down as its error and the others go on, so that one run tells all. The job says where the
sandbox is; it and the file for the results are the two arguments of the script.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Steps:
    """The steps of one run. job: addresses, credentials, the prefix of everything this run makes."""

    def __init__(self) -> None:
        self.job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
        self._file = Path(sys.argv[2])
        self._results: dict[str, Any] = {}

    def step(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Run a step at once, unless the job asks for others only, and note what it returns or how it failed."""
        if self.job["only"] and function.__name__ not in self.job["only"]:
            return function
        try:
            self._note(function.__name__, {"value": function()})
        except Exception as error:
            self._note(function.__name__, {"error": described(error)})
        return function

    def value(self, name: str) -> Any:
        """What an earlier step returned. Raises KeyError if it failed."""
        return self._results[name]["value"]

    def name(self, text: str) -> str:
        """A name that only this run uses."""
        return f"{self.job['prefix']} {text}"

    def number(self, text: str | int) -> str:
        """An account number that only this run uses."""
        return f"{self.job['prefix']}-{text}"

    def _note(self, name: str, result: dict[str, Any]) -> None:
        self._results[name] = result
        self._file.write_text(json.dumps(self._results), "utf-8")


def described(error: BaseException) -> dict[str, Any]:
    """An error as the tests read it: its type, its words, and the service's status and code where it has them."""
    details = getattr(error, "details", None) or {}
    response = getattr(error, "response", None)
    return {
        "type": type(error).__name__,
        "message": str(error),
        "status": getattr(error, "status_code", getattr(response, "status_code", None)),
        "code": details.get("service_error_code") if isinstance(details, dict) else None,
        "trace": traceback.format_exc(),
    }


def failing(action: Callable[[], Any]) -> dict[str, Any]:
    """How an action fails that must fail. Raises AssertionError if it doesn't."""
    try:
        done = action()
    except Exception as error:
        return described(error)
    raise AssertionError(f"it was done: {done!r}")
