"""The chain that the contract suites run on."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import ape_test.accounts
import pytest
from ape.contracts import ContractContainer
from ape_ethereum.trace import Trace
from eth_utils import keccak
from ethpm_types import ContractType

from contracts import load
from devnet import AnvilNode, NodeOptions
from devnet.rpc import JsonRpc

# One node a test run (a worker), with the gas limit a transaction that real chains have. ape
# connects to it instead of starting its own. It ends with this process.
NODE = AnvilNode(NodeOptions(accounts=20)).start()
os.environ["APE_FOUNDRY_HOST"] = NODE.url

# The chain's time stands still unless a test moves it: what is tested to the second must not depend
# on how long the machine took since.
JsonRpc(NODE.url).call("anvil_setBlockTimestampInterval", 0)

# Most of a run would go into two habits of ape: deriving its accounts from the mnemonic at every
# look at them, and printing the call trace of every revert, which here are expected ones.
ape_test.accounts.generate_dev_accounts = cache(ape_test.accounts.generate_dev_accounts)
if "WATTPROOF_TRACES" not in os.environ:
    Trace.show = lambda *_, **__: None


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


GAS_TOLERANCE = 0.01


@pytest.fixture(scope="session")
def compare_gas():
    """`compare_gas(snapshot, figures)`: gas by name is what the committed file says, to a percent.
    With `WATTPROOF_WRITE_GAS=1` the file is written anew first."""

    def compare(snapshot: Path, figures: dict[str, int]) -> None:
        if os.environ.get("WATTPROOF_WRITE_GAS"):
            snapshot.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        expected = json.loads(snapshot.read_text(encoding="utf-8"))
        assert figures.keys() == expected.keys()
        for name, gas in figures.items():
            assert gas == pytest.approx(expected[name], rel=GAS_TOLERANCE), (
                f"{name} changed: run with WATTPROOF_WRITE_GAS=1 if that is meant"
            )

    return compare


class Clock:
    """The chain's time, in seconds (UTC)."""

    def __init__(self, chain) -> None:
        self._chain = chain

    @property
    def now(self) -> int:
        """Time of the last block."""
        return self._chain.blocks.head.timestamp

    def next_at(self, time: int) -> None:
        """The next transaction happens at exactly `time`."""
        self._chain.provider.make_request("evm_setNextBlockTimestamp", [time])

    def move_to(self, time: int) -> None:
        """A block at `time`, so that calls see it; the next transaction is in the same second."""
        self.next_at(time)
        self._chain.provider.make_request("evm_mine", [])


@pytest.fixture(scope="session")
def clock(chain):
    return Clock(chain)


@pytest.fixture(scope="session")
def manager(deploy, accounts):
    """The AccessManager; account 0 is its admin."""
    return deploy("Authority", accounts[0])


@pytest.fixture(scope="session")
def give_role(manager, accounts):
    """`give_role(number, holder, contract, *functions)`: from now on the functions need the role,
    which `holder` has without delay."""

    def give(number: int, holder, contract, *functions: str) -> None:
        methods = contract.contract_type.mutable_methods
        selectors = [keccak(text=methods[name].selector)[:4] for name in functions]
        manager.setTargetFunctionRole(contract, selectors, number, sender=accounts[0])
        manager.grantRole(number, holder, 0, sender=accounts[0])

    return give


@pytest.fixture(scope="session")
def dids(deploy):
    return deploy("DidRegistry")


@pytest.fixture(scope="session")
def credentials(deploy, manager, dids):
    return deploy("CredentialRegistry", manager, dids)
