"""Whose deviations may still be claimed as credits or demand response, so that closing waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from wattproof.meters.models import DeviceRow
from wattproof.runtime import Platform


def accounts_with_open_claims(
    platform: Platform, session: Session, market: int, period: int, accounts: Collection[str]
) -> set[str]:
    """Those of the accounts with a reservation that is neither used, released nor dead.

    Asks the chain in one request, and only about accounts that have a meter: nobody else can have
    reserved anything.
    """
    devices: Sequence[DeviceRow] = session.exec(
        select(DeviceRow).where(DeviceRow.market == market, col(DeviceRow.account).in_(accounts))
    ).all()
    answers = platform.chain.call_many(
        [
            ("Deviations", "usedOf", (market, device.account, device.carrier, period))
            for device in devices
        ]
    )
    return {
        device.account for device, (is_open, _) in zip(devices, answers, strict=True) if is_open
    }
