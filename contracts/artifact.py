"""Reading compiled contracts. Standard library alone, so that every environment can use it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ARTIFACTS = Path(__file__).parent / "artifacts"


class ArtifactNotFoundError(LookupError):
    """No compiled contract of that name ships with this installation."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    `bytecode` and `deployed_bytecode` are 0x-prefixed hex; `bytecode` is what a deployment sends
    (constructor arguments are appended to it), `deployed_bytecode` is the code on the chain with
    zeros where immutables go. `immutable_references` maps a declaration to those byte ranges.
    `metadata` is the compiler's metadata JSON, `source_hash` the SHA-256 of the whole compiler
    input together with the compiler's version.
    """

    name: str
    source_name: str
    abi: list[dict[str, Any]]
    bytecode: str
    deployed_bytecode: str
    immutable_references: dict[str, list[dict[str, int]]]
    metadata: str
    source_hash: str

    @property
    def deployed_size(self) -> int:
        """Bytes of code on the chain."""
        return len(self.deployed_bytecode.removeprefix("0x")) // 2


def to_json(artifact: Artifact) -> str:
    """The text of an artifact file: stable order, one trailing newline."""
    return (
        json.dumps(
            {
                "contractName": artifact.name,
                "sourceName": artifact.source_name,
                "sourceHash": artifact.source_hash,
                "abi": artifact.abi,
                "bytecode": artifact.bytecode,
                "deployedBytecode": artifact.deployed_bytecode,
                "immutableReferences": artifact.immutable_references,
                "metadata": artifact.metadata,
            },
            indent=1,
        )
        + "\n"
    )


def from_json(text: str) -> Artifact:
    """The reverse of `to_json`."""
    raw = json.loads(text)
    return Artifact(
        name=raw["contractName"],
        source_name=raw["sourceName"],
        abi=raw["abi"],
        bytecode=raw["bytecode"],
        deployed_bytecode=raw["deployedBytecode"],
        immutable_references=raw["immutableReferences"],
        metadata=raw["metadata"],
        source_hash=raw["sourceHash"],
    )


def available(folder: Path = ARTIFACTS) -> list[str]:
    """Names that `load` accepts, sorted. Those made for tests are `test/NAME`."""
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.json")
    )


@cache
def load(name: str) -> Artifact:
    """The compiled contract `name`, for example `Ledger` (or `test/Hostile` in a checkout).

    Raises ArtifactNotFoundError, naming what there is.
    """
    path = ARTIFACTS / f"{name}.json"
    if not path.is_file():
        raise ArtifactNotFoundError(
            f"no compiled contract {name!r}; there are: {', '.join(available()) or 'none'}. "
            "In a checkout, `make contracts` compiles them."
        )
    return from_json(path.read_text(encoding="utf-8"))
