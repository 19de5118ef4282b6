"""Where the contracts are: the file a deployment leaves and everything else reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import contracts


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployed set of contracts.

    Attributes:
        chain_id: of the chain they live on.
        genesis_hash: hash of that chain's block 0.
        block: number of the block that finished the deployment; ``first_block`` began it.
        block_hash: its hash.
        addresses: contract name -> checksum address.
    """

    chain_id: int
    genesis_hash: str
    first_block: int
    block: int
    block_hash: str
    addresses: Mapping[str, str]

    def abi(self, contract: str) -> list[dict[str, Any]]:
        """The ABI of a deployed contract, from the shipped artifact."""
        return list(contracts.load(contract).abi)

    def write(self, path: Path) -> None:
        """Write atomically as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Deployment:
        """Read what ``write`` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
