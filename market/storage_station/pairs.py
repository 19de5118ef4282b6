"""A schedule taken apart into moves that are safe one by one.

The store's level is its course at rest plus what the schedule adds to it. Where it adds, a charge
opens a lot that later discharges close; where it takes from what was there, a discharge opens a lot
that later charges close. The oldest lot is closed first, and none opens while one of the other kind
is open: at any time all open lots lie on one side. So whatever share of each move is filled, the
level stays between the course at rest and the schedule's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from twin.storage_station.station import StorageStation

_NOTHING_WH = 1e-6


@dataclass(frozen=True, slots=True)
class Move:
    """`charge_wh` at the grid in one slot against `discharge_wh` in another.

    A slot is None where the schedule has no counterpart: the energy then stays in the store, or is
    taken from what was there, and only the other side is traded.
    """

    charge_slot: int | None
    charge_wh: float
    discharge_slot: int | None
    discharge_wh: float


def moves(
    station: StorageStation, energy_wh: Sequence[float], slot_hours: float
) -> tuple[Move, ...]:
    """The moves that net energies (slot,), Wh, positive charges, are made of.

    Together they are the schedule, slot by slot; first those that close, then those left open.
    """
    kept = station.kept(slot_hours)
    found: list[Move] = []
    # Of every open lot: its slot, and what it put into the store (negative: took), Wh.
    lots: deque[tuple[int, float]] = deque()
    for slot, wanted in enumerate(energy_wh):
        charging = wanted > 0.0
        left = wanted * (
            station.charge_efficiency if charging else 1 / station.discharge_efficiency
        )
        while lots and abs(left) > _NOTHING_WH and (lots[0][1] > 0.0) != charging:
            opened, size = lots.popleft()
            share = kept ** (slot - opened)
            part = min(abs(size) * share, abs(left))
            part = part if charging else -part
            found.append(_move(station, (opened, -part / share), (slot, part)))
            left -= part
            size += part / share
            if abs(size) > _NOTHING_WH:
                lots.appendleft((opened, size))
        if abs(left) > _NOTHING_WH:
            lots.append((slot, left))
    found += [_move(station, lot) for lot in lots]
    return tuple(found)


def _move(station: StorageStation, *changes: tuple[int, float]) -> Move:
    """The move of one or two changes of the store: slot, and Wh into it (negative: out of it)."""
    charge_slot = discharge_slot = None
    charge_wh = discharge_wh = 0.0
    for slot, change in changes:
        if change > 0.0:
            charge_slot, charge_wh = slot, change / station.charge_efficiency
        else:
            discharge_slot, discharge_wh = slot, -change * station.discharge_efficiency
    return Move(charge_slot, charge_wh, discharge_slot, discharge_wh)
