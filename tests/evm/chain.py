"""The compiled contracts in an EVM inside the test's own process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from pyrevm import EVM, BlockEnv

import contracts

GAS_LIMIT = 16_777_216
"""Of a transaction, as EIP-7825 has it."""
CHAIN_ID = 1
READER = "0x" + "ee" * 20
"""Who calls views: nobody."""
_REVERT = re.compile(r"Revert \{ gas_used: \d+, output: (0x[0-9a-f]*) \}")
_PANIC, _ERROR = bytes.fromhex("4e487b71"), bytes.fromhex("08c379a0")


class EvmRevertError(Exception):
    """The contract refused the call. `name` is the custom error's, or `Panic`, `Error`, `Empty`."""

    def __init__(self, name: str, arguments: tuple[Any, ...] = ()) -> None:
        super().__init__(f"{name}{arguments}")
        self.name = name
        self.arguments = arguments


@dataclass(frozen=True, slots=True)
class Function:
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def result(self, output: bytes) -> Any:
        """The value that the function returned, or a tuple of several."""
        return _decoded(self.outputs, output)


def _type(parameter: dict[str, Any]) -> str:
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_type(component) for component in parameter["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def _selector(entry: dict[str, Any]) -> bytes:
    signature = f"{entry['name']}({','.join(_type(i) for i in entry['inputs'])})"
    return keccak(text=signature)[:4]


@cache
def functions(name: str) -> dict[str, Function]:
    """A contract's functions by name (the last of overloaded ones)."""
    return {
        entry["name"]: Function(
            _selector(entry),
            tuple(map(_type, entry["inputs"])),
            tuple(map(_type, entry["outputs"])),
        )
        for entry in contracts.load(name).abi
        if entry["type"] == "function"
    }


@cache
def errors() -> dict[bytes, tuple[str, tuple[str, ...]]]:
    """Custom errors of all contracts by selector."""
    return {
        _selector(entry): (entry["name"], tuple(map(_type, entry["inputs"])))
        for name in contracts.available()
        for entry in contracts.load(name).abi
        if entry["type"] == "error"
    }


def _reverted(output: bytes) -> EvmRevertError:
    selector, data = output[:4], output[4:]
    if selector == _PANIC:
        return EvmRevertError("Panic", decode(["uint256"], data))
    if selector == _ERROR:
        return EvmRevertError("Error", decode(["string"], data))
    if selector not in errors():
        return EvmRevertError("Empty" if not output else output.hex())
    name, types = errors()[selector]
    return EvmRevertError(name, decode(types, data))


def contract_address(deployer: str, nonce: int) -> str:
    """Where the deployer's contract with that nonce (below 128) will live."""
    rlp = bytes.fromhex("d694") + bytes.fromhex(deployer[2:]) + bytes([nonce or 0x80])
    return str(to_checksum_address(keccak(rlp)[12:]))


class Chain:
    """One EVM with a clock that only `now` moves."""

    def __init__(self, now: int) -> None:
        self._evm = EVM()
        self.calls = 0
        self.gas_used = 0
        self.now = now

    @property
    def now(self) -> int:
        """Seconds of the block in which the next call is executed."""
        return self._now

    @now.setter
    def now(self, value: int) -> None:
        self._now = value
        self._evm.set_block_env(BlockEnv(number=1, timestamp=value))

    def deploy(self, deployer: str, name: str, arguments: Sequence[Any] = ()) -> Contract:
        artifact = contracts.load(name)
        constructor = [e for e in artifact.abi if e["type"] == "constructor"]
        types = [_type(i) for entry in constructor for i in entry["inputs"]]
        code = bytes.fromhex(artifact.bytecode[2:]) + encode(types, list(arguments))
        address = self._evm.deploy(deployer, code)
        return Contract(self, name, str(to_checksum_address(address)))

    def send(self, sender: str, to: str, data: bytes, gas: int = GAS_LIMIT) -> bytes:
        """One call; what it changed stays. Raises EvmRevertError."""
        self.calls += 1
        self._evm.reset_transient_storage()
        try:
            output: bytes = self._evm.message_call(sender, to, data, gas=gas)
        except RuntimeError as error:
            match = _REVERT.search(str(error))
            if match is None:
                raise EvmRevertError(f"Halt: {error}") from error
            raise _reverted(bytes.fromhex(match[1][2:])) from error
        self.gas_used = self._evm.result.gas_used if self._evm.result else 0
        return output


@dataclass(frozen=True, slots=True)
class Contract:
    chain: Chain
    name: str
    address: str

    def call(self, function: str, *arguments: Any, sender: str = READER) -> Any:
        """Call a function; returns its value, or a tuple of several. Raises EvmRevertError."""
        what = functions(self.name)[function]
        data = what.selector + encode(what.inputs, arguments)
        return what.result(self.chain.send(sender, self.address, data))

    def view(self, function: str, *arguments: Any) -> Any:
        """`call` for plain arguments that are asked again and again."""
        data = view_data(self.name, function, *arguments)
        return functions(self.name)[function].result(self.chain.send(READER, self.address, data))


@lru_cache(maxsize=100_000)
def view_data(name: str, function: str, *arguments: Any) -> bytes:
    what = functions(name)[function]
    return what.selector + encode(what.inputs, arguments)


@lru_cache(maxsize=100_000)
def _decoded(types: tuple[str, ...], output: bytes) -> Any:
    values = decode(types, output)
    return values[0] if len(values) == 1 else values
