"""A meter that signs readings, and the market of hours in which it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_utils import keccak

HOUR = 3_600
DAY = 86_400
MISSING = -(2**31)
NO_ADDRESS = "0x" + "00" * 20
CENT = 10_000_000  # nano per kWh: a hundredth of a unit of money per kWh

HOURLY_MARKET = {
    "role": bytes(32),
    "capacitySource": NO_ADDRESS,
    "capacityUnitWh": 0,
    "carriers": 1,
    "zones": 1,
    "slotSeconds": HOUR,
    "periodSlots": 24,
    "priceCap": 1_000 * CENT,
    "imbalanceCap": 100 * CENT,
    "shortfallBp": 2_000,
    "surplusBp": 1_000,
    "gateGrace": 60,
    "settleWindow": 600,
    "exitDelay": DAY,
    "bondDelay": DAY,
    "challengeWindow": HOUR,
    "gapFloor": 0,
    "gapCap": 0,
}
"""Hours in days, everybody may trade; parties, asset and network are not in it."""

NO_NETWORK = (NO_ADDRESS, 0, bytes(32))
"""No network account, so no open carriers and no description's hash."""


def packed(values_wh: Sequence[int | None]) -> bytes:
    """Wh of every slot as the contracts take them; None for a slot without a value."""
    return b"".join(
        (MISSING if wh is None else wh).to_bytes(4, "big", signed=True) for wh in values_wh
    )


@dataclass
class Meter:
    """A device and the readings it has posted, Wh by period."""

    world: Any
    market: int
    key: bytes
    posted: dict[int, bytes] = field(default_factory=dict)

    @property
    def device(self) -> str:
        return Account.from_key(self.key).address

    def post(self, period: int, values_wh: Sequence[int | None]) -> None:
        values = packed(values_wh)
        signature = self._sign(period, values)
        self.world.meters.post(
            self.device, self.market, period, values, signature, sender=self.world.admin
        )
        self.posted[period] = values

    def _sign(self, period: int, values: bytes) -> bytes:
        names = {"device": "address", "market": "uint32", "period": "uint32", "values": "bytes32"}
        signed = Account.sign_typed_data(
            self.key,
            {
                "name": "Wattproof",
                "version": "1",
                "chainId": self.world.chain_id,
                "verifyingContract": self.world.meters.address,
            },
            {"Readings": [{"name": name, "type": kind} for name, kind in names.items()]},
            {
                "device": self.device,
                "market": self.market,
                "period": period,
                "values": keccak(values),
            },
        )
        half = signed.s | (signed.v - 27) << 255
        return signed.r.to_bytes(32, "big") + half.to_bytes(32, "big")
