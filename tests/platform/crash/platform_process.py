"""A platform in a process of its own, to be killed at a named point of a settlement."""

from __future__ import annotations

import os
import time

from wattproof import crashpoints
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.settings import Settings
from wattproof.tasks.flow import tick

DEADLINE_S = 60.0


def settle(settings: Settings, point: str | None, visits: int) -> None:
    """Tick until every round of market 1 is settled; ends the process with 1 if they never are.

    Args:
        point: crash point to arm; None: none.
    """
    with open_platform(settings) as platform:
        if point is not None:
            crashpoints.arm(point, visits=visits)
        give_up = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up:
            moved = tick(platform)
            with platform.transaction() as session:
                states = {row.state for row in rounds.list_rounds(session, 1)}
            if states <= {"confirmed", "delivered"} and not moved:
                return
    os._exit(1)
