"""Cleared rounds that were asked about a moment ago, ready to be asked about again.

Reading a round's whole book takes much longer than explaining one order of it, and whoever asks
once asks again: for the next page, the next product, the next order.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from market.explanation import ClearedRound

_KEPT = 4
Key = tuple[int, int, str]


@dataclass(slots=True)
class RecentRounds:
    """The last few, by market, round and the hash of the round's prices.

    What is cleared does not change: a round cleared anew has another hash, or the same result.
    """

    _rounds: OrderedDict[Key, ClearedRound] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Key, load: Callable[[], ClearedRound]) -> ClearedRound:
        """The round with this key, loaded if it is not here."""
        with self._lock:
            found = self._rounds.get(key)
            if found is not None:
                self._rounds.move_to_end(key)
                return found
        loaded = load()
        with self._lock:
            self._rounds[key] = loaded
            self._rounds.move_to_end(key)
            while len(self._rounds) > _KEPT:
                self._rounds.popitem(last=False)
        return loaded
