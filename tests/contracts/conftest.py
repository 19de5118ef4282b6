"""The chain that the contract suites run on."""

from __future__ import annotations

import os
from functools import cache

import pytest
from ape.contracts import ContractContainer
from ethpm_types import ContractType

from contracts import load
from devnet import AnvilNode, NodeOptions

# One node a test run (a worker), with the gas limit a transaction that real chains have. ape
# connects to it instead of starting its own. It ends with this process.
NODE = AnvilNode(NodeOptions(accounts=20)).start()
os.environ["APE_FOUNDRY_HOST"] = NODE.url


def pytest_unconfigure(config: object) -> None:
    NODE.stop()


@cache
def compiled(name: str) -> ContractContainer:
    """A shipped artifact (or `test/NAME`) as ape deploys it."""
    artifact = load(name)
    return ContractContainer(
        ContractType.model_validate(
            {
                "contractName": artifact.name,
                "abi": artifact.abi,
                "deploymentBytecode": {"bytecode": artifact.bytecode},
                "runtimeBytecode": {"bytecode": artifact.deployed_bytecode},
            }
        )
    )


@pytest.fixture(scope="session")
def deploy(accounts):
    """`deploy(name, *arguments)` puts a shipped contract on the chain, from account 0."""

    def from_admin(name: str, *arguments):
        return accounts[0].deploy(compiled(name), *arguments)

    return from_admin


@pytest.fixture(scope="session")
def connect():
    """`connect(name, address)` is a contract that is on the chain already."""
    return lambda name, address: compiled(name).at(address)
