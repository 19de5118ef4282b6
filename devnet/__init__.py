"""The embedded chain: starting a node, deploying, development accounts."""

from __future__ import annotations

from devnet.node import AnvilNode, NodeOptions
from devnet.node_errors import (
    NodeBinaryError,
    NodeError,
    NodeStartError,
    PortInUseError,
    StateInUseError,
)
from devnet.rpc import JsonRpc, RpcError

__all__ = [
    "AnvilNode",
    "JsonRpc",
    "NodeBinaryError",
    "NodeError",
    "NodeOptions",
    "NodeStartError",
    "PortInUseError",
    "RpcError",
    "StateInUseError",
]
