"""A platform in a process of its own that revokes a credential, to be killed on the way."""

from __future__ import annotations

from wattproof import crashpoints
from wattproof.credentials import revoking
from wattproof.profiles import open_platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle


def revoke(settings: Settings, credential_hash: str | None, point: str | None) -> None:
    """Revoke and send; only send what is queued where no credential is named.

    Args:
        point: crash point to arm; None: none.
    """
    with open_platform(settings) as platform:
        run_until_idle(platform)
        if point is not None:
            crashpoints.arm(point)
        if credential_hash is not None:
            with platform.transaction() as session:
                revoking.revoke(platform, session, credential_hash)
        run_until_idle(platform)
