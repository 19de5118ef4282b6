"""How long a person waits for `wattproof --help`, beside what Python itself takes to start.

Run: `make bench`, or python benchmarks/cli_start.py. Wall seconds, the median of some runs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

RUNS = 15
WATTPROOF = Path(sys.executable).with_name("wattproof")


def median_seconds(command: Sequence[str]) -> float:
    """Median wall seconds of a command; its output is thrown away."""
    taken: list[float] = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])  # the first reads from disk


def main() -> None:
    empty = median_seconds([sys.executable, "-c", "pass"])
    typer = median_seconds([sys.executable, "-c", "import typer, rich"])
    shown = median_seconds([str(WATTPROOF), "--help"])
    print(f"python that does nothing   {empty:.3f} s")
    print(f"python importing typer     {typer:.3f} s")
    print(f"wattproof --help           {shown:.3f} s, {shown / empty:.1f} times Python's own start")
    print(json.dumps({"empty_s": empty, "typer_s": typer, "help_s": shown}))


if __name__ == "__main__":
    main()
