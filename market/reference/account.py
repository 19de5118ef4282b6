"""The one storage word an account has in a market (protocol section 3)."""

from __future__ import annotations

from dataclasses import dataclass

_WIDTHS = (
    ("margin", 64),
    ("locked", 64),
    ("epoch", 24),
    ("prev_epoch", 24),
    ("epoch_round", 24),
    ("exit_round", 24),
    ("capacity", 32),
)


@dataclass(frozen=True, slots=True)
class AccountWord:
    """An account's standing in one market.

    `margin` and `locked` in micro-units, `capacity` in the market's `capacityUnitWh` a round;
    `epoch_round` is the first round judged by `epoch`, `exit_round` the first in which the pending
    exit no longer counts (0: none pending).
    """

    margin: int = 0
    locked: int = 0
    epoch: int = 0
    prev_epoch: int = 0
    epoch_round: int = 0
    exit_round: int = 0
    capacity: int = 0

    def epoch_for(self, round_number: int) -> int:
        """The epoch that orders of that round must carry."""
        return self.epoch if round_number >= self.epoch_round else self.prev_epoch

    def to_word(self) -> int:
        """The 256-bit storage word, `margin` in the lowest bits. Raises OverflowError."""
        word, shift = 0, 0
        for name, width in _WIDTHS:
            value: int = getattr(self, name)
            if not 0 <= value < 1 << width:
                raise OverflowError(f"{name} {value} does not fit {width} bits")
            word |= value << shift
            shift += width
        return word

    @classmethod
    def from_word(cls, word: int) -> AccountWord:
        fields: dict[str, int] = {}
        for name, width in _WIDTHS:
            fields[name] = word & ((1 << width) - 1)
            word >>= width
        return cls(**fields)
