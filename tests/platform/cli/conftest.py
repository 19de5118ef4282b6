"""A platform that is served, for commands that call it over REST."""

from __future__ import annotations

import pytest

from tests.platform.serving import served


@pytest.fixture
def url(platform):
    """Address of the running API."""
    with served(platform) as address:
        yield address
