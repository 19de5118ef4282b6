"""A market's rules and a round's products, as the market core wants them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlmodel import Session

from market.product import ProductGrid
from market.rules import MarketRules
from wattproof.errors import NotFoundError
from wattproof.gateway.chain import Chain
from wattproof.rounds.models import MarketRow, RoundRow

NO_ADDRESS = "0x" + "00" * 20
NO_ROLE = "0x" + "00" * 32


def get_market(session: Session, market: int) -> MarketRow:
    """Raises NotFoundError."""
    row = session.get(MarketRow, market)
    if row is None:
        raise NotFoundError(f"there is no market {market}")
    return row


def get_round(
    session: Session, market: int, number: int, *, lock: Literal["share", "update"] | None = None
) -> RoundRow:
    """A round, locked against its gate's closing (share) or for a step of its life (update).

    Raises NotFoundError.
    """
    row = session.get(
        RoundRow,
        (market, number),
        with_for_update={"read": lock == "share"} if lock else None,
    )
    if row is None:
        raise NotFoundError(f"market {market} has no round {number}")
    return row


def rules_of(market: MarketRow) -> MarketRules:
    """The market's rules from its parameters on-chain."""
    values = {key: int(value) for key, value in market.params.items() if _is_number(value)}
    return MarketRules(
        carriers=values["carriers"],
        zones=values["zones"],
        slot_seconds=values["slotSeconds"],
        period_slots=values["periodSlots"],
        price_cap=values["priceCap"],
        imbalance_cap=values["imbalanceCap"],
        shortfall_bp=values["shortfallBp"],
        surplus_bp=values["surplusBp"],
        gap_floor_micro=values["gapFloor"],
        gap_cap_micro=values["gapCap"],
        capacity_unit_wh=values["capacityUnitWh"] if has_capacity_source(market) else 0,
        tokenised=is_tokenised(market),
        gate_grace=values["gateGrace"],
        settle_window=values["settleWindow"],
        exit_delay=values["exitDelay"],
        bond_delay=values["bondDelay"],
        challenge_window=values["challengeWindow"],
        open_carriers=values["openCarriers"],
    )


def grid_of(market: MarketRow, row: RoundRow) -> ProductGrid:
    """The products the round trades."""
    return ProductGrid(
        carriers=int(market.params["carriers"]),
        zones=int(market.params["zones"]),
        first_slot=row.first_slot,
        slots=row.slots,
    )


def has_capacity_source(market: MarketRow) -> bool:
    """Whether what may be sold is bounded by attested capacity."""
    return bool(market.params["capacitySource"] != NO_ADDRESS)


def attests_capacity(market: MarketRow) -> bool:
    """Whether an account's attested capacity, as last synced, bounds what it sells."""
    return has_capacity_source(market) and not is_tokenised(market)


def is_tokenised(market: MarketRow) -> bool:
    """Whether the market trades tokens that its capacity source keeps (protocol section 9)."""
    return has_capacity_source(market) and int(market.params["capacityUnitWh"]) == 0


def read_sellable(
    chain: Chain, market: MarketRow, row: RoundRow, traders: Sequence[str]
) -> list[int]:
    """Tokens that every trader may sell in the round, as the market's source says now, in Wh.

    They do not change from the round's gate until it ends.

    Raises:
        NotFoundError: the source is no contract of the deployment.
    """
    address = market.params["capacitySource"]
    source = chain.names.get(address)
    if source is None:
        raise NotFoundError(
            f"market {market.market} trades tokens of {address}, which the deployment does not name"
        )
    place = (market.market, row.number, row.first_slot)
    wanted = [(source, "sellable", (*place, trader)) for trader in traders]
    return [int(sellable) for sellable in chain.call_many(wanted)]


def network_of(market: MarketRow) -> str | None:
    """The account that alone trades the network's carriers; None: the market has no network."""
    network = str(market.params["network"])
    return None if network == NO_ADDRESS else network


def role_of(market: MarketRow) -> bytes | None:
    """The role a trader's credential must have; None where the market is open to everybody."""
    role = str(market.params["role"])
    return None if role == NO_ROLE else bytes.fromhex(role[2:])


def _is_number(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.isdecimal())
