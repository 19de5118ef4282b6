"""A real platform for a test: own folder, own node, own database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devnet import AnvilNode, NodeOptions
from wattproof.profiles import open_platform
from wattproof.runtime import Platform
from wattproof.settings import Settings


@pytest.fixture
def node() -> Iterator[AnvilNode]:
    """A node of the test's own, its chain in memory."""
    with AnvilNode(NodeOptions(chain_id=31_338)) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, node: AnvilNode) -> Settings:
    """The embedded profile in a folder of the test's own."""
    return Settings(data_dir=tmp_path / "data", rpc_url=node.url)


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """A freshly deployed platform."""
    with open_platform(settings) as opened:
        yield opened
