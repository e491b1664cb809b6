"""Who says yes, and who gives their word: the questions that an apply asks on stderr, and the options that answer.

A plan is shown before it is approved, in brief if it was saved and looked at before. In class prod only the
environment's name counts, typed or by `--confirm`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from statecfg.cli.invocation import Call
from statecfg.model.errors import PlanRefused
from statecfg.model.plan import Finding, Plan


@dataclass(frozen=True, slots=True)
class Approval:
    """How this apply is approved. saved: the plan was made and looked at before (`apply PLANFILE`)."""

    call: Call
    yes: bool
    confirm: str
    saved: bool

    def __call__(self, plan: Plan) -> bool:
        """True if the plan may be carried out. Raises PlanRefused if it may not, and says what is missing."""
        self._show(plan)
        name, production = plan.header.environment.name, plan.header.environment_class == "prod"
        if self.confirm and self.confirm != name:
            raise PlanRefused(
                f"--confirm says {self.confirm}, but this plan is for {name}",
                do=f"look at -l/--limit and -i/--inventory; if {name} is meant: --confirm {name}",
            )
        if self.confirm:
            return True
        if production:
            return self._named(name)
        return self.yes or self.saved or self._said_yes(name)

    def _show(self, plan: Plan) -> None:
        from statecfg.report.plan_screen import brief_lines, plan_lines

        seen_before = self.saved and plan.header.environment_class != "prod"
        self.call.output.lines(brief_lines(plan) if seen_before else plan_lines(plan))

    def _named(self, name: str) -> bool:
        if self.yes:
            raise PlanRefused(f"--yes is not enough for {name}, which is of class prod", do=f"--confirm {name}")
        if not self.call.surroundings.interactive():
            raise PlanRefused(
                f"{name} is of class prod: its name must be typed, and nobody is at a terminal", do=f"--confirm {name}"
            )
        said = ask(self.call, f"This is production. Type the environment's name ({name}) to go on: ")
        if said != name:
            raise PlanRefused("not approved: nothing was written")
        return True

    def _said_yes(self, name: str) -> bool:
        if not self.call.surroundings.interactive():
            raise PlanRefused(
                "this plan needs a yes, and nobody is at a terminal", do="--yes, or apply a plan that was saved before"
            )
        if ask(self.call, f"Carry this out on {name}? Only yes is taken for yes: ") != "yes":
            raise PlanRefused("not approved: nothing was written")
        return True


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks a person at the terminal for their word on what can't be read."""

    call: Call

    def __call__(self, finding: Finding) -> str | None:
        """ "who: words" as they were typed, or None if nobody wanted to say."""
        from statecfg.report.finding_lines import finding_lines

        self.call.output.aside(finding_lines([finding], details=None))
        while True:
            said = ask(self.call, "Who attests it, and in which words (WHO: WORDS; empty to stop)? ")
            who, colon, words = said.partition(":")
            if not said or (colon and who.strip() and words.strip()):
                return said or None


def ask(call: Call, question: str) -> str:
    """What a person answers to a question on stderr, trimmed; empty if there is nothing more to read."""
    call.output.close()
    sys.stderr.write(question)
    sys.stderr.flush()
    return call.surroundings.read_line().strip()
