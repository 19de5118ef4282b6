"""What time it is for the market.

On a public chain that is this machine's clock. The embedded chain may be moved ahead of it (a demo
day passes in seconds), so there the node is asked what time its next block would carry.
"""

from __future__ import annotations

import time
from typing import Protocol

from wattproof.gateway.chain import Chain


class Clock(Protocol):
    """Seconds since 1970, UTC."""

    def now(self) -> int:
        """The time by which gates close."""
        ...

    def passed(self, timestamp: int) -> bool:
        """Whether every block still to come is at or after ``timestamp``."""
        ...


class SystemClock:
    """This machine's clock; whether a time has passed on the chain, the chain's blocks say."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def now(self) -> int:
        return int(time.time())

    def passed(self, timestamp: int) -> bool:
        return self.now() >= timestamp and self._chain.head().timestamp >= timestamp


class ChainClock:
    """The time of the embedded chain's next block."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def now(self) -> int:
        pending = self._chain.request("eth_getBlockByNumber", "pending", False)
        return int(pending["timestamp"], 16)

    def passed(self, timestamp: int) -> bool:
        return self.now() >= timestamp

    def advance_to(self, timestamp: int) -> None:
        """Move the embedded chain's time ahead and mine a block there; never back."""
        ahead = timestamp - self.now()
        if ahead > 0:
            self._chain.request("evm_increaseTime", ahead)
        self._chain.request("evm_mine")
