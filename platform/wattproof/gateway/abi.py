"""Contract interfaces: encoding calls, decoding results, events and errors by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded log.

    Attributes:
        contract: name of the contract that emitted it.
        args: by parameter name; addresses in checksum form, bytes as bytes, structs as dicts.
    """

    contract: str
    name: str
    args: Mapping[str, Any]
    address: str
    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int


class Interface:
    """One contract's ABI, indexed by name and selector."""

    def __init__(self, contract: str, abi: Sequence[Entry]) -> None:
        self.contract = contract
        self.functions: dict[str, Entry] = {}
        self._selectors: dict[bytes, Entry] = {}
        self._events: dict[bytes, Entry] = {}
        self.errors: dict[bytes, Entry] = {}
        for entry in abi:
            if entry["type"] == "function":
                self.functions.setdefault(entry["name"], entry)
                self._selectors[_selector(entry)] = entry
            elif entry["type"] == "event":
                self._events[keccak(text=signature(entry))] = entry
            elif entry["type"] == "error":
                self.errors[_selector(entry)] = entry

    def encode(self, function: str, args: Sequence[Any]) -> str:
        """Call data, 0x-hex. Structs may be given as mappings or sequences."""
        entry = self._function(function)
        inputs = entry["inputs"]
        if len(inputs) != len(args):
            raise TypeError(
                f"{self.contract}.{function} takes {len(inputs)} arguments, not {len(args)}"
            )
        values = [_plain(kind, value) for kind, value in zip(inputs, args, strict=True)]
        return "0x" + (_selector(entry) + encode(_types(inputs), values)).hex()

    def decode_result(self, function: str, data: bytes) -> Any:
        """One output: its value; several: a tuple of them."""
        outputs = self._function(function)["outputs"]
        values = decode(_types(outputs), data)
        named = [_named(kind, value) for kind, value in zip(outputs, values, strict=True)]
        return named[0] if len(named) == 1 else tuple(named)

    def decode_call(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Name and arguments of a call, in their order; a nameless one is called by its place.

        Raises KeyError for a function we do not know.
        """
        entry = self._selectors[data[:4]]
        values = decode(_types(entry["inputs"]), data[4:])
        args = {
            kind["name"] or str(place): _named(kind, value)
            for place, (kind, value) in enumerate(zip(entry["inputs"], values, strict=True))
        }
        return entry["name"], args

    def decode_log(self, log: Mapping[str, Any]) -> Event | None:
        """A log of this contract as an event; None where the ABI does not declare it."""
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        entry = self._events.get(topics[0]) if topics else None
        if entry is None:
            return None
        plain = [i for i in entry["inputs"] if not i["indexed"]]
        values = dict(
            zip(
                (i["name"] for i in plain),
                (
                    _named(kind, value)
                    for kind, value in zip(
                        plain,
                        decode(_types(plain), bytes.fromhex(log["data"][2:])),
                        strict=True,
                    )
                ),
                strict=True,
            )
        )
        for kind, topic in zip(
            (i for i in entry["inputs"] if i["indexed"]), topics[1:], strict=True
        ):
            static = kind["type"] not in ("string", "bytes") and "[" not in kind["type"]
            values[kind["name"]] = (
                _named(kind, decode([kind["type"]], topic)[0]) if static else topic
            )
        return Event(
            contract=self.contract,
            name=entry["name"],
            args={i["name"]: values[i["name"]] for i in entry["inputs"]},
            address=to_checksum_address(log["address"]),
            block_number=int(log["blockNumber"], 16),
            block_hash=log["blockHash"],
            transaction_hash=log["transactionHash"],
            log_index=int(log["logIndex"], 16),
        )

    def _function(self, name: str) -> Entry:
        try:
            return self.functions[name]
        except KeyError:
            raise TypeError(f"{self.contract} has no function {name}") from None


def describe_error(interfaces: Sequence[Interface], data: bytes) -> str | None:
    """A revert's data as ``Name(argument, ...)``, if one of the contracts declares it."""
    if data[:4] == keccak(text="Error(string)")[:4]:
        return str(decode(["string"], data[4:])[0])
    if data[:4] == keccak(text="Panic(uint256)")[:4]:
        return f"Panic({decode(['uint256'], data[4:])[0]:#x})"
    for interface in interfaces:
        entry = interface.errors.get(data[:4])
        if entry is not None:
            values = decode(_types(entry["inputs"]), data[4:])
            shown = ", ".join(
                "0x" + value.hex() if isinstance(value, bytes) else str(value) for value in values
            )
            return f"{entry['name']}({shown})"
    return None


def signature(entry: Entry) -> str:
    """The canonical signature whose hash identifies a function, event or error."""
    return f"{entry['name']}({','.join(_types(entry['inputs']))})"


def _selector(entry: Entry) -> bytes:
    return bytes(keccak(text=signature(entry))[:4])


def _types(inputs: Sequence[Entry]) -> list[str]:
    return [_type(kind) for kind in inputs]


def _type(kind: Entry) -> str:
    if not kind["type"].startswith("tuple"):
        return str(kind["type"])
    return f"({','.join(_types(kind['components']))}){kind['type'][5:]}"


def _plain(kind: Entry, value: Any) -> Any:
    """A value as the encoder takes it: structs as tuples."""
    if not kind["type"].startswith("tuple"):
        return value
    if kind["type"] != "tuple":
        element = {**kind, "type": kind["type"][: kind["type"].rindex("[")]}
        return [_plain(element, item) for item in value]
    if isinstance(value, Mapping):
        value = [value[component["name"]] for component in kind["components"]]
    return tuple(
        _plain(component, item) for component, item in zip(kind["components"], value, strict=True)
    )


def _named(kind: Entry, value: Any) -> Any:
    """A decoded value as we use it: structs as dicts, addresses in checksum form."""
    name = kind["type"]
    if name.endswith("]"):
        element = {**kind, "type": name[: name.rindex("[")]}
        return [_named(element, item) for item in value]
    if name == "tuple":
        return {
            component["name"]: _named(component, item)
            for component, item in zip(kind["components"], value, strict=True)
        }
    return to_checksum_address(value) if name == "address" else value
