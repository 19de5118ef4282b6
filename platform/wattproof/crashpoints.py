"""Named places at which a test may end the process, to show that nothing is lost or doubled.

Nothing happens unless a test arms one: ``arm(name)`` in a process it is about to lose. No setting
or environment variable reaches this module.
"""

from __future__ import annotations

import os
import signal

GATE_ROW_STORED = "gate_row_stored"
CLEARING_STORED = "clearing_stored"
OUTBOX_ROW_STORED = "outbox_row_stored"
RAW_STORED = "raw_stored"
BROADCAST = "broadcast"
MINED = "mined"
INDEXED = "indexed"
STATUS_SET = "status_set"

SETTLEMENT = (
    GATE_ROW_STORED,
    CLEARING_STORED,
    OUTBOX_ROW_STORED,
    RAW_STORED,
    BROADCAST,
    MINED,
    INDEXED,
)
"""Those that a settlement passes."""
NAMES = (*SETTLEMENT, STATUS_SET)

_armed: dict[str, int] = {}


def arm(name: str, *, visits: int = 1) -> None:
    """Let the ``visits``-th visit of ``name`` kill this process with SIGKILL."""
    if name not in NAMES:
        raise ValueError(f"no crash point {name!r}; there are {', '.join(NAMES)}")
    _armed[name] = visits


def reach(name: str) -> None:
    """Mark a point in the code; does nothing in a process where it is not armed."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
