"""Bounds of a session as they are written on a command line: kWh, tokens a kWh, a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from market.delegation import Session

_WH, _NANO = 3, 9
_LARGEST: Final = Decimal(2**63)


def read_session(
    delegate: str,
    until: str,
    buy_kwh: str,
    sell_kwh: str,
    highest_bid: str | None,
    lowest_ask: str | None,
) -> Session:
    """The session in Wh, seconds and nano per kWh. Raises BadParameter naming the option."""
    from market.delegation import NOBODY, DelegationError, Session
    from wattproof.cli.certificate_arguments import read_address

    buy_wh = _whole(buy_kwh, _WH, "--buy-kwh", "kWh")
    sell_wh = _whole(sell_kwh, _WH, "--sell-kwh", "kWh")
    for given, option in ((buy_wh, "--buy-kwh"), (sell_wh, "--sell-kwh")):
        if given < 0:
            raise typer.BadParameter("energy is not negative", param_hint=option)
    if buy_wh == sell_wh == 0:
        raise typer.BadParameter(
            "say how much it may buy or sell a round: --buy-kwh, --sell-kwh",
            param_hint="--buy-kwh",
        )
    who = read_address(delegate)
    if who == NOBODY:
        raise typer.BadParameter("name somebody", param_hint="--delegate")
    try:
        return Session(
            delegate=who,
            until=_seconds(until),
            buy_wh=buy_wh,
            sell_wh=sell_wh,
            max_price=_price(highest_bid, buy_wh, "--highest-bid"),
            min_price=_price(lowest_ask, sell_wh, "--lowest-ask"),
        )
    except DelegationError as error:
        raise typer.BadParameter(str(error)) from error


def _price(text: str | None, energy_wh: int, option: str) -> int:
    """Nano per kWh; 0 where nothing is traded on that side."""
    if text is None:
        if energy_wh:
            raise typer.BadParameter("say it in tokens a kWh, such as 0.25", param_hint=option)
        return 0
    return _whole(text, _NANO, option, "tokens a kWh")


def _whole(text: str, digits: int, option: str, unit: str) -> int:
    """An amount in its smallest unit, exactly."""
    try:
        amount = Decimal(text).scaleb(digits)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) >= _LARGEST:
        raise typer.BadParameter(f"{text!r} is no amount in {unit}", param_hint=option)
    if amount != amount.to_integral_value():
        raise typer.BadParameter(
            f"{text} has more than {digits} digits after the point", param_hint=option
        )
    return int(amount)


def _seconds(text: str) -> int:
    """A moment, UTC where it names no zone; a date is its first second."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no moment; write 2030-01-01 or 2030-01-01T12:00:00Z",
            param_hint="--until",
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
