"""What can be chosen about the compliance year."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MOST_VINTAGES = 12
"""A year of 360 days."""


@dataclass(frozen=True, slots=True)
class QuotaOptions:
    """How the year is run.

    Attributes:
        vintages: of 30 days each; an even number, since there are two compliance periods.
        seed: of everything that is random.
        data_dir: where the year's database and chain are kept; default: nowhere.
    """

    vintages: int = MOST_VINTAGES
    seed: int = 1
    data_dir: Path | None = None
    as_json: bool = False
