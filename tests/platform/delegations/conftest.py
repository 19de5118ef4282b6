from __future__ import annotations

from typing import Any

import pytest

from tests.platform.delegating import Delegating


@pytest.fixture
def delegating(desk: Any) -> Delegating:
    """The desk's first trader and a key that it can name."""
    return Delegating(desk)
