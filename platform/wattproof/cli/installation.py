"""Reaching the chain of an installation, whether it is being served or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devnet import AnvilNode, JsonRpc, NodeError, NodeOptions, RpcError
from devnet.deployment import Deployment
from wattproof.errors import MisconfiguredError
from wattproof.settings import Settings


def read_settings(data_dir: Path | None) -> Settings:
    """The environment's settings, for another folder if one is given. Raises MisconfiguredError."""
    try:
        return Settings(data_dir=data_dir) if data_dir is not None else Settings()
    except ValueError as error:
        raise MisconfiguredError(f"the settings do not fit: {error}") from error


@contextmanager
def open_chain(settings: Settings, rpc: str | None, deployment: Deployment) -> Iterator[str]:
    """Address of the chain's node: the one given, the one that is served, or a started one.

    Raises:
        MisconfiguredError: none of them answers; says why.
    """
    url = rpc or settings.rpc_url or _served(settings, deployment)
    if url:
        yield url
        return
    if not settings.chain_state_path.exists():
        raise MisconfiguredError(
            f"there is no chain in {settings.data_dir}; name a node with --rpc"
        )
    options = NodeOptions(chain_id=deployment.chain_id, state=settings.chain_state_path)
    try:
        node = AnvilNode(options).start()
    except NodeError as error:
        raise MisconfiguredError(str(error)) from error
    try:
        yield node.url
    finally:
        node.stop()


def _served(settings: Settings, deployment: Deployment) -> str | None:
    """The node of a running `wattproof up`, if it answers."""
    path = settings.data_dir / "running.json"
    try:
        url = str(json.loads(path.read_text(encoding="utf-8"))["rpc_url"])
        chain_id = int(JsonRpc(url).call("eth_chainId"), 16)
    except (OSError, ValueError, KeyError, RpcError):
        return None
    return url if chain_id == deployment.chain_id else None
