"""Which block 0 of a node's state is the chain's.

Each start of anvil makes a block 0 of its own before it loads the state, and dumps it with the
rest. Of several, the next start takes any: then the chain seems to be another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Of the header, in the order of the execution layer's specification (EIP-7685 added the last).
_FIELDS = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot",
    "logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData",
    "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas",
    "parentBeaconBlockRoot", "requestsHash",
)  # fmt: skip
_NUMBERS = frozenset({
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed",
    "excessBlobGas",
})  # fmt: skip


def genesis_time(state: Path) -> str | None:
    """The timestamp, as the state writes it, of the block 0 that block 1 stands on.

    None where there is one block 0 only, no block 1, or no whole file.
    """
    try:
        blocks = json.loads(state.read_bytes())["blocks"]
        headers = [block["header"] for block in blocks]
        first = [header for header in headers if int(header["number"], 16) == 0]
        parents = {header["parentHash"] for header in headers if int(header["number"], 16) == 1}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if len(first) < 2:
        return None
    return next((str(each["timestamp"]) for each in first if block_hash(each) in parents), None)


def block_hash(header: Mapping[str, Any]) -> str:
    """Of a header as JSON-RPC writes it."""
    # Here, so that who starts a node does not wait for what only a broken state needs.
    import rlp  # type: ignore[import-untyped]
    from eth_utils.crypto import keccak

    fields = [_field(name, header[name]) for name in _FIELDS if header.get(name) is not None]
    return "0x" + keccak(rlp.encode(fields)).hex()


def _field(name: str, value: str) -> bytes:
    if name in _NUMBERS:
        number = int(value, 16)
        return number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes.fromhex(value[2:])
