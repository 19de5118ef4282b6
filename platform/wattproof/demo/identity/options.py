"""What can be chosen about the identity day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """How the day is run.

    Attributes:
        data_dir: where the day's database and chain are kept; default: nowhere.
    """

    data_dir: Path | None = None
    as_json: bool = False
