"""What every kind and check is handed: the clients of one environment, its settings, and the window so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from statecfg.clients.admin import PowerPlatform
from statecfg.clients.dataverse import Dataverse
from statecfg.clients.dualwrite import Gateway
from statecfg.clients.finance import Finance
from statecfg.model.environment import Environment
from statecfg.model.window import Window


@dataclass(frozen=True, slots=True)
class Services:
    """One environment's clients. gateway is None where only Dataverse and F&O may be asked, as in drift.

    window: the window of this environment as it stands now, None before the first write.
    """

    environment: Environment
    dataverse: Dataverse
    finance: Finance
    gateway: Gateway | None
    admin: PowerPlatform | None
    window: Callable[[], Window | None]
