"""Solidity sources and the artifacts they compile to.

Running needs no compiler: `load("Ledger")` reads the artifact that ships with the package.
`python -m contracts.build` makes the artifacts from `contracts/src`.
"""

from __future__ import annotations

from contracts.artifact import Artifact, ArtifactNotFoundError, available, load

__all__ = ["Artifact", "ArtifactNotFoundError", "available", "load"]
