"""What a certificate's ERC-1155 id says, and how long it lives (protocol section 14)."""

from __future__ import annotations

from dataclasses import dataclass

VINTAGE_S = 30 * 86_400
LIFETIME_S = 540 * 86_400
"""The contract's constants."""

ID_BITS = 216


@dataclass(frozen=True, slots=True)
class BatchId:
    """A batch: one device, interval and technology. ``slot`` counts in the period."""

    device: str
    period: int
    slot: int
    technology: int

    @classmethod
    def of(cls, batch: int) -> BatchId:
        """From ``device << 56 | period << 24 | slot << 8 | technology``."""
        from eth_utils.address import to_checksum_address

        return cls(
            device=str(to_checksum_address((batch >> 56).to_bytes(20, "big"))),
            period=batch >> 24 & 0xFFFF_FFFF,
            slot=batch >> 8 & 0xFFFF,
            technology=batch & 0xFF,
        )

    @property
    def number(self) -> int:
        """The ERC-1155 id."""
        from eth_utils.address import to_canonical_address

        device = int.from_bytes(to_canonical_address(self.device), "big")
        return device << 56 | self.period << 24 | self.slot << 8 | self.technology


def expiry_of(vintage: int) -> int:
    """From this second on (UTC) certificates of a vintage only expire."""
    return (vintage + 1) * VINTAGE_S + LIFETIME_S


def slot_of(vintage: int) -> int:
    """The slot of a certificates' market that trades a vintage: the one at whose end it expires."""
    return vintage + LIFETIME_S // VINTAGE_S


def vintage_of(slot: int) -> int:
    """The vintage that a slot of a certificates' market trades; negative where there is none."""
    return slot - LIFETIME_S // VINTAGE_S
