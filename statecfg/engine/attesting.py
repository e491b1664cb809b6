"""Questions that no service can answer, and the recorded words of the people who answer them (rules 8.5).

An answer is bound to what was shown: if that changes, it is asked again. `--yes` answers none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from statecfg.model.errors import Blocked
from statecfg.model.plan import Finding
from statecfg.model.window import Attestation

Ask = Callable[[Finding], str | None]
"""Puts a finding to a person and returns `who: words`, or None if they won't say."""


VOUCHER = "voucher."
"""Begins the NAME of an explanation of a ledger entry that is not the cutover's."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Where answers come from. given: NAME -> `who: words` of `--attest`. ask: a person at a terminal, or None."""

    given: Mapping[str, str] = field(default_factory=dict)
    ask: Ask | None = None
    signed_in: str = ""
    run: str = ""
    now: Callable[[], str] = str


def evidence(finding: Finding) -> str:
    """The digest of what is shown when this finding is asked: an answer counts for exactly that."""
    shown = "\n".join((finding.code, finding.evidence or finding.what, *finding.details))
    return hashlib.sha256(shown.encode()).hexdigest()


def answered(findings: Iterable[Finding], known: Sequence[Attestation], answers: Answers) -> tuple[Attestation, ...]:
    """New attestations for every question that no known one answers; a question that is found twice is asked once.

    Raises Blocked, with the exact option to add, if a question stays open.
    """
    open_ = [finding for finding in findings if finding.severity == "ask" and not is_known(finding, known)]
    # The plan's findings and those of the look just before writing are mostly the same.
    questions = {(finding.code, evidence(finding)): finding for finding in reversed(open_)}
    new = [(finding, _answer(finding, answers)) for finding in reversed(questions.values())]
    unanswered = [finding for finding, attestation in new if attestation is None]
    if unanswered:
        options = " ".join(f'--attest {finding.code}="NAME: WORDS"' for finding in unanswered)
        raise Blocked("someone must answer for what can't be read here", unanswered, do=f"add {options}")
    return tuple(attestation for _, attestation in new if attestation)


def explanations(answers: Answers, known: Sequence[Attestation]) -> tuple[Attestation, ...]:
    """What somebody says unasked of entries in the ledger: `--attest voucher.NUMBER="NAME: WHY"` (rules 7.2)."""
    said = {a.name for a in known}
    names = [name for name in answers.given if name.startswith(VOUCHER) and name not in said]
    made = [_answer(Finding("ask", name, name), answers) for name in names]
    return tuple(attestation for attestation in made if attestation)


def is_known(finding: Finding, known: Iterable[Attestation]) -> bool:
    """Whether somebody has already answered exactly this question."""
    return any(known.name == finding.code and known.evidence == evidence(finding) for known in known)


def _answer(finding: Finding, answers: Answers) -> Attestation | None:
    words = answers.given.get(finding.code) or (answers.ask(finding) if answers.ask else None)
    if not words:
        return None
    who, colon, said = words.partition(":")
    if not (colon and who.strip() and said.strip()):
        raise Blocked(
            f"the answer to {finding.code} must say who and in which words: {words!r}",
            [finding],
            do=f'write --attest {finding.code}="NAME: WORDS"',
        )
    return Attestation(
        finding.code, who.strip(), said.strip(), answers.now(), evidence(finding), answers.run, answers.signed_in
    )
