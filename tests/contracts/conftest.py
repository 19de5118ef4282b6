"""The chain that the contract suites run on."""

from __future__ import annotations

import os

from devnet import AnvilNode, NodeOptions

# One node a test run (a worker), with the gas limit a transaction that real chains have. ape
# connects to it instead of starting its own. It ends with this process.
NODE = AnvilNode(NodeOptions(accounts=20)).start()
os.environ["APE_FOUNDRY_HOST"] = NODE.url


def pytest_unconfigure(config: object) -> None:
    NODE.stop()
