"""Everything that can go wrong, as one tree. Each error says what happened, where, and what to do.

StatecfgError
├─ DeclarationError          the files are wrong; carries every problem found
├─ ApiError                  the wire: status, code, message, request id, address
│    ├─ SignInRefused  Forbidden  NotFound  Conflict  Throttled  Rejected  Unavailable
├─ Blocked                   a precondition, guard or invariant does not hold
├─ PlanRefused               a plan file that may not be applied here
├─ StalePlan                 the world moved since the plan was made
├─ Locked                    somebody else is at work here
├─ Interrupted               a person or a pipeline stopped the run
├─ TimedOut                  a wait reached its deadline
└─ StepFailed                step n of m; what is done, failed, unknown, not started
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from statecfg.model.address import Source
from statecfg.model.plan import Finding


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in the files. `code` is stable, for example `unknown-key`."""

    code: str
    where: Source
    what: str
    do: str = ""


class StatecfgError(Exception):
    """The base of all. `what` happened, `where`, what to `do`; three fields so that every output can carry them."""

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.do = do

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class DeclarationError(StatecfgError):
    """The files are wrong. `problems` holds every one found, in the order of files and lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the files")
        self.problems = tuple(problems)


class ApiError(StatecfgError):
    """A service refused or could not be understood.

    status: HTTP status, 0 if there was no answer. code: the service's own code. request_id: as the service names it.
    sent: whether the request may have been carried out although this error was raised.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        do: str = "",
        status: int = 0,
        code: str = "",
        request_id: str = "",
        sent: bool = False,
    ) -> None:
        super().__init__(what, where=where, do=do)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.sent = sent


class SignInRefused(ApiError):
    """No token, or a token that the service does not accept (401)."""


class Forbidden(ApiError):
    """Signed in, but not allowed (403)."""


class NotFound(ApiError):
    """There is no such record, set or action (404)."""


class Conflict(ApiError):
    """The record exists already, or changed since it was read (409, 412)."""


class Throttled(ApiError):
    """Still 429 when the deadline passed."""


class Rejected(ApiError):
    """The service understood and refused (other 4xx, or a business failure reported in a 200)."""


class Unavailable(ApiError):
    """No usable answer: network, 5xx, time-out, a body that isn't what it claims.

    `sent` says whether the request may have been carried out.
    """


class Blocked(StatecfgError):
    """A precondition, guard or invariant does not hold. `findings` says which; nothing was written since."""

    def __init__(self, what: str, findings: Sequence[Finding] = (), *, where: str = "", do: str = "") -> None:
        super().__init__(what, where=where, do=do)
        self.findings = tuple(findings)


class PlanRefused(StatecfgError):
    """A plan file that may not be applied: tampered, for another environment, or without the approval it needs."""


class StalePlan(StatecfgError):
    """The world or the inputs moved since the plan was made. `moved` names what, one line each."""

    def __init__(self, what: str, moved: Sequence[str] = (), *, where: str = "", do: str = "") -> None:
        super().__init__(what, where=where, do=do)
        self.moved = tuple(moved)


class Locked(StatecfgError):
    """Somebody else is at work here: who, since when."""


class Interrupted(StatecfgError):
    """Ctrl-C or SIGTERM; the journal is closed and the run can be continued."""


class TimedOut(StatecfgError):
    """A wait reached its deadline; `what` says what was still missing."""


class StepFailed(StatecfgError):
    """A step of an apply failed. The message says what is done, failed, unknown and not started."""


OK, FAILED, CHANGES, PARTIAL, STALE, REFUSED, LOCKED, BLOCKED, FILES, SIGN_IN, UNREACHABLE, USAGE, INTERRUPTED = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 64, 130,
)  # fmt: skip

EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (Interrupted, INTERRUPTED),
    (KeyboardInterrupt, INTERRUPTED),
    (DeclarationError, FILES),
    (SignInRefused, SIGN_IN),
    (Forbidden, SIGN_IN),
    (ApiError, UNREACHABLE),
    (Blocked, BLOCKED),
    (PlanRefused, REFUSED),
    (StalePlan, STALE),
    (Locked, LOCKED),
    (TimedOut, PARTIAL),
    (StepFailed, PARTIAL),
    (StatecfgError, FAILED),
)


def exit_code(error: BaseException) -> int:
    """The exit code of an error: the first class of EXIT_CODES that it belongs to, else 1."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), FAILED)
