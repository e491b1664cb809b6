"""Service protection with small numbers and a clock that the test moves."""

from __future__ import annotations

import pytest

from statecfg.sandbox.dataverse.limits import Limits, Throttled, declare_settings
from statecfg.sandbox.settings import Settings
from tests.sandbox.dataverse_place import Place


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, **values: float | bool) -> Limits:
    settings = Settings({}, lambda name, value: None)
    declare_settings(settings)
    settings.change({"dataverse.limits": True, **{f"dataverse.{name}": value for name, value in values.items()}})
    return Limits(settings, clock)


def use(checked: Limits, user: str = "ada", delay_s: float = 0.0) -> None:
    checked.end(user, checked.begin(user), delay_s)


def test_the_request_after_the_last_is_refused_until_the_window_has_moved() -> None:
    clock = Clock()
    checked = limits(clock, limit_requests=3, limit_window_s=10)
    for _ in range(3):
        use(checked)
        clock.now += 1
    with pytest.raises(Throttled) as throttled:
        checked.begin("ada")
    assert (throttled.value.code, throttled.value.retry_after_s) == ("0x80072322", 7)
    use(checked, "ben")
    clock.now += 7.5
    use(checked)


def test_whoever_goes_on_sending_waits_longer_until_a_request_is_let_in() -> None:
    clock = Clock()
    checked = limits(clock, limit_requests=1, limit_window_s=10)
    use(checked)
    waits = []
    for _ in range(3):
        with pytest.raises(Throttled) as throttled:
            checked.begin("ada")
        waits.append(throttled.value.retry_after_s)
    assert waits == [10, 11, 12]
    clock.now += 10.5
    use(checked)
    with pytest.raises(Throttled) as again:
        checked.begin("ada")
    assert again.value.retry_after_s == 10


def test_execution_time_is_summed_delays_included() -> None:
    checked = limits(Clock(), limit_time_s=5)
    use(checked, delay_s=3)
    use(checked, delay_s=3)
    with pytest.raises(Throttled) as throttled:
        checked.begin("ada")
    assert throttled.value.code == "0x80072321"
    assert "5,000 milliseconds" in throttled.value.message


def test_requests_at_once_are_counted_while_they_sleep() -> None:
    clock = Clock()
    checked = limits(clock, limit_concurrent=2)
    use(checked, delay_s=4)
    began = checked.begin("ada")
    with pytest.raises(Throttled) as throttled:
        checked.begin("ada")
    assert throttled.value.code == "0x80072326"
    checked.end("ada", began, 0)
    clock.now += 5
    use(checked)


def test_the_service_answers_with_the_time_to_wait(dataverse: Place) -> None:
    dataverse.world.settings.change({"dataverse.limits": True, "dataverse.limit_requests": 10_000})
    left = int(dataverse.send("GET", "WhoAmI()").headers["x-ms-ratelimit-burst-remaining-xrm-requests"])
    dataverse.world.settings["dataverse.limit_requests"] = 1
    answer = dataverse.send("GET", "WhoAmI()")
    assert left > 0
    assert dataverse.refused(answer)[:2] == (429, "0x80072322")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == "0"
    assert answer.headers["x-ms-dop-hint"] == "8"


def test_a_throttling_fault_has_the_form_of_the_real_one(dataverse: Place) -> None:
    dataverse.world.faults.add({"effect": "status", "status": 429, "retry_after": 3, "occurrence": 1})
    answer = dataverse.send("GET", "WhoAmI()")
    assert dataverse.refused(answer)[:2] == (429, "0x80072322")
    assert answer.headers["Retry-After"] == "3"


def test_rows_and_requests_can_be_made_slow(dataverse: Place) -> None:
    dataverse.world.settings.change({"dataverse.delay_per_request_s": 0.05, "dataverse.delay_per_row_s": 0.02})
    targets = [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": str(n)} for n in range(5)]
    answer = dataverse.send("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": targets})
    assert answer.elapsed.total_seconds() >= 0.15
