"""A platform in a process of its own that sends relayed changes and is killed at a named point."""

from __future__ import annotations

import os
import time

from sqlmodel import col, select

from wattproof import crashpoints
from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.profiles import open_platform
from wattproof.settings import Settings
from wattproof.tasks.flow import tick

DEADLINE_S = 60.0


def send(settings: Settings, point: str | None) -> None:
    """Tick until nothing is pending; ends the process with 1 if something always is."""
    with open_platform(settings) as platform:
        if point is not None:
            crashpoints.arm(point)
        give_up = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up:
            moved = tick(platform)
            with platform.transaction() as session:
                pending = session.exec(
                    select(OutboxRow.id).where(col(OutboxRow.status).in_(outbox.PENDING))
                ).first()
            if pending is None and not moved:
                return
    os._exit(1)
