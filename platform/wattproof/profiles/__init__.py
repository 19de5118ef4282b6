"""Putting a platform together from its settings."""

from __future__ import annotations

from contextlib import AbstractContextManager

from wattproof.runtime import Platform
from wattproof.settings import Profile, Settings

__all__ = ["Platform", "open_platform"]


def open_platform(settings: Settings) -> AbstractContextManager[Platform]:
    """The running platform; closing it stops what it started.

    Raises:
        MisconfiguredError: a setting, key file or installation is unusable.
        ChainMismatchError: the chain is not the one this database belongs to.
        UnavailableError: the chain does not answer.
    """
    if settings.profile is Profile.EMBEDDED:
        from wattproof.profiles.embedded import open_embedded

        return open_embedded(settings)
    from wattproof.profiles.scaled import open_scaled

    return open_scaled(settings)
