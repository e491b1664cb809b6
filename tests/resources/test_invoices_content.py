"""An invoice is confirmed only if its lines are exactly our milestones, to the cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from statecfg.model.records import Record
from statecfg.resources.invoices.content import Claims, Item, Stone, differences, digest_of_stones
from statecfg.resources.invoices.fences import Contract, Draft, confirm_problem, create_problem, our_ids
from statecfg.resources.invoices.looking import unmatched
from statecfg.resources.invoices.traces import Actual


def _id(number: int) -> str:
    return str(UUID(int=number))


def stone(
    number: int = 1, name: str = "Kick-off", amount: str = "100.00", tax: str = "19.00", line: str = "l1"
) -> Stone:
    return Stone(_id(number), line, name, f"text {number}", Decimal(amount), Decimal(tax), "USD")


def item(of: Stone, **changes: Any) -> Item:
    made = Item(of.line, of.name, of.amount, of.tax, of.amount + of.tax)
    return made._replace(**changes)


OURS = (stone(1), stone(2, "Design", "50.50", "0.00"))


def record(stones: tuple[Stone, ...] = OURS) -> Record:
    values = {
        "contract": "CON-1",
        "milestones": " ".join(UUID(s.id).hex for s in stones),
        "digest": digest_of_stones(stones),
        "amount": sum((s.amount for s in stones), Decimal(0)),
        "tax": sum((s.tax for s in stones), Decimal(0)),
    }
    return Record("CON-1", "c1", "", values, 2)


def draft(items: tuple[Item, ...] | None = None, number: str = "INV-1", **changes: Any) -> Draft:
    facts: dict[str, Any] = {"total": Decimal("169.50"), "items": items or tuple(item(s) for s in OURS)}
    return Draft(f"id-{number}", number, **{**facts, **changes})


def test_exactly_our_milestones_differ_in_nothing_in_any_order() -> None:
    assert differences([item(OURS[1]), item(OURS[0])], OURS, by_text=True) == ()


def test_a_line_may_carry_the_description_instead_of_the_name() -> None:
    assert differences([item(s, text=s.description.upper()) for s in OURS], OURS, by_text=True) == ()


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ((item(OURS[0]),), "Design is missing"),
        ((*(item(s) for s in OURS), item(OURS[0])), "is not one of ours"),
        ((item(OURS[0]), item(OURS[1], amount=Decimal("50.51"), extended=Decimal("50.51"))), "is not one of ours"),
        ((item(OURS[0]), item(OURS[1], tax=Decimal("1.00"), extended=Decimal("51.50"))), "is not one of ours"),
        ((item(OURS[0]), item(OURS[1], line="l2")), "is not one of ours"),
        ((item(OURS[0]), item(OURS[1], text="Time entry")), "is not one of ours"),
        ((item(OURS[0]), item(OURS[1], extended=Decimal("50.51"))), "extended amount"),
        ((item(OURS[0]), item(OURS[1]), item(OURS[0], is_milestone=False)), "is no milestone"),
    ],
)
def test_whatever_is_otherwise_on_an_invoice_is_found(items: tuple[Item, ...], words: str) -> None:
    assert any(words in said for said in differences(items, OURS, by_text=True))


def test_a_foreign_line_with_our_description_does_not_count_twice() -> None:
    items = [item(OURS[0]), item(OURS[1]), item(OURS[0], text=OURS[0].description)]
    assert differences(items, OURS, by_text=True)


def test_a_create_is_allowed_if_exactly_ours_are_ready_and_arrived() -> None:
    arrived = frozenset(s.id for s in OURS)
    assert create_problem(record(), Contract(ready=OURS, arrived=arrived)) == ("", "")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ready": (*OURS, stone(9, "Foreign"))}, "foreign-ready"),
        ({"entries": 1}, "foreign-ready"),
        ({"ready": OURS[:1]}, "not-ready"),
        ({"ready": (OURS[0], stone(2, "Design", "50.51", "0.00"))}, "changed"),
        ({"arrived": frozenset({_id(1)})}, "not-arrived"),
        ({"is_busy": True}, "invoice-in-flight"),
    ],
)
def test_a_create_is_left_out_otherwise(changes: dict[str, Any], code: str) -> None:
    facts: dict[str, Any] = {"ready": OURS, "arrived": frozenset(s.id for s in OURS)}
    assert create_problem(record(), Contract(**{**facts, **changes}))[0] == code


def test_the_draft_with_exactly_our_milestones_is_confirmed() -> None:
    other = draft((item(stone(9, "Foreign")),), "INV-9", total=Decimal("119.00"))
    seen = Contract(invoiced=OURS, drafts=(other, draft()))
    assert confirm_problem(record(), seen, by_text=True) == ("id-INV-1", "", "")


def test_what_is_posted_already_is_neither_confirmed_again_nor_left_out() -> None:
    assert confirm_problem(record(), Contract(posted=OURS), by_text=True) == ("", "", "")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"drafts": (draft((*draft().items, item(stone(9, "Time entry"), is_milestone=False))),)}, "foreign-content"),
        ({"drafts": (draft(total=Decimal("169.51")),)}, "foreign-content"),
        ({"drafts": (draft(total=None),)}, "foreign-content"),
        ({"drafts": (draft(products=1),)}, "foreign-content"),
        ({"drafts": (draft(linked=frozenset({_id(1)})),)}, "foreign-content"),
        ({"drafts": (draft(is_busy=True),)}, "invoice-in-flight"),
        ({"drafts": (draft(), draft(number="INV-2"))}, "drafts-unclear"),
        ({"drafts": ()}, "no-draft"),
        ({"invoiced": OURS[:1]}, "not-invoiced"),
        ({"invoiced": (OURS[0], stone(2, "Design", "50.49", "0.00"))}, "changed"),
    ],
)
def test_any_other_draft_is_left_alone_with_its_reason(changes: dict[str, Any], code: str) -> None:
    facts: dict[str, Any] = {"invoiced": OURS, "drafts": (draft(),)}
    invoice, found, words = confirm_problem(record(), Contract(**{**facts, **changes}), by_text=True)
    assert (invoice, found, bool(words)) == ("", code, True)


def test_a_record_names_its_milestones() -> None:
    assert our_ids(record()) == {_id(1), _id(2)}


def test_the_digest_does_not_depend_on_order_and_sees_every_cent() -> None:
    assert digest_of_stones(OURS) == digest_of_stones(reversed(OURS))
    assert digest_of_stones(OURS) != digest_of_stones((OURS[0], stone(2, "Design", "50.51", "0.00")))
    assert digest_of_stones((stone(amount="100"),)) == digest_of_stones((stone(amount="100.0000"),))


def test_each_of_ours_is_claimed_once_and_only_where_it_stands() -> None:
    claims = Claims(by_text=True)
    claims.expect("c1", False, OURS[0])
    assert not claims.take("c2", False, item(OURS[0]))
    assert not claims.take("c1", False, item(OURS[0], is_milestone=False))
    assert claims.take("c1", False, item(OURS[0], text="KICK-OFF"))
    assert not claims.take("c1", False, item(OURS[0]))


def test_one_that_stood_on_a_draft_may_be_confirmed_by_now_and_never_the_other_way() -> None:
    claims = Claims(by_text=True)
    claims.expect("c1", False, OURS[0])
    claims.expect("c1", True, OURS[1])
    assert claims.take("c1", True, item(OURS[0]))
    assert not claims.take("c1", False, item(OURS[1]))


def test_each_posted_milestone_must_have_exactly_one_actual() -> None:
    one = Actual("a1", "i1", "l1", "Kick-off", Decimal(100))
    two = Actual("a2", "i1", "l1", "Design", Decimal("50.5"))
    foreign = Actual("a3", "i0", "l1", "Hours", Decimal(100))
    assert unmatched(OURS, [one, two, foreign], by_text=True) == ""
    assert unmatched(OURS, [one], by_text=True)
    assert unmatched(OURS, [one, two, one._replace(id="a4")], by_text=True)
