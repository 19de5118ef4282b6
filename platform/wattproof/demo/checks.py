"""What must hold of every traded round, of every ledger and of every replay."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlmodel import col, or_, select

from market import certificate
from market.certificate import CertificateError, Commitment
from market.settlement import Settlement
from market.units import SCALE, ceil_div
from wattproof import audit
from wattproof.audit import Report
from wattproof.demo.cast import Cast
from wattproof.demo.dispatching import Reviewed, orders_of
from wattproof.demo.report import Check
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound, receipts_hold
from wattproof.gateway.models import OutboxRow
from wattproof.meters.models import ClosureRow
from wattproof.rounds.models import RoundRow

MICRO = 1e6


def round_checks(stage: Stage, traded: TradedRound, what: str = "the round") -> list[Check]:
    """Receipts, book, settlement, certificate, balance and limits of a round."""
    settlement = traded.settlement
    book = settlement.book
    in_book = {each.digest for each in book.orders}
    receipted = {receipt.order_hash for receipt in traded.receipts}
    with stage.platform.transaction() as session:
        row = traded.row(session)
    return [
        Check(
            f"every signed order of {what} got the operator's receipt",
            receipts_hold(stage, traded) and receipted == {each.digest for each in traded.signed},
            f"{len(receipted)} receipts",
        ),
        Check(
            f"the committed book of {what} holds every receipted order",
            in_book == receipted and row.book_root == "0x" + book.root.hex(),
            f"{len(in_book)} orders under one root",
        ),
        Check(
            f"{what} was settled on-chain",
            row.chain_status == "Settled",
            f"status {row.chain_status}",
        ),
        _certificate(traded, row, what),
        Check(
            f"what is bought in {what} is sold, product by product",
            _balances(settlement),
            "exactly, in Wh",
        ),
        Check(
            f"payments of {what} add up to the dust",
            sum(settlement.payments_micro) == settlement.dust_micro >= 0,
            f"{settlement.dust_micro} micro-units",
        ),
        Check(
            f"nobody paid beyond a signature in {what}",
            all(
                payment <= ceil_div(each.order.limit * fill, SCALE) and fill >= 0
                for each, payment, fill in zip(
                    book.orders,
                    settlement.payments_micro,
                    settlement.clearing.fills,
                    strict=True,
                )
            ),
            "payment of every order within its limit",
        ),
    ]


def plan_checks(
    stage: Stage, reviewed: Reviewed, traded: TradedRound, whose: str, traders: Collection[str]
) -> list[Check]:
    """Whether orders came from the plan that was signed, and what a person fixed stands in it.

    Args:
        whose: plan it is, in words; ``traders`` are the addresses that bid from it.
    """
    plan = reviewed.approved.plan
    made = orders_of(stage, reviewed)
    in_book = {
        "0x" + each.digest.hex()
        for each in traded.settlement.book.orders
        if each.order.trader in traders
    }
    return [
        Check(
            f"all orders of the {whose} were made of a plan that a dispatcher signed",
            bool(made) and made == in_book,
            f'{len(made)} orders; "{reviewed.reason}"',
        ),
        Check(
            "what the dispatcher fixed stands in the plan to the W",
            bool(reviewed.edits)
            and all(plan.lines[e.line][e.slot] == e.value_w for e in reviewed.edits),
            f"{len(reviewed.edits)} values",
        ),
    ]


def settlement_gas(stage: Stage, traded: TradedRound) -> int:
    """Gas of the gate's commitment and of all settlement transactions of the round."""
    place = f"{traded.opened.market}:{traded.opened.number}"
    with stage.platform.transaction() as session:
        used = session.exec(
            select(OutboxRow.gas_used).where(
                or_(
                    col(OutboxRow.key).in_([f"gate:{place}", f"settle:{place}"]),
                    col(OutboxRow.key).startswith(f"verify:{place}:"),
                    col(OutboxRow.key).startswith(f"apply:{place}:"),
                )
            )
        ).all()
    return sum(gas or 0 for gas in used)


def closed(
    cast: Cast, traded: TradedRound, closures: Mapping[str, ClosureRow], day: str = ""
) -> Check:
    """Whether every position of a round was closed against its meter."""
    traders = {leaf.trader for leaf in traded.settlement.positions}
    return Check(
        f"every traded position{day} was closed against its meter",
        traders <= set(cast.names) and traders <= closures.keys(),
        f"{len(closures)} accounts",
    )


def money(stage: Stage, cast: Cast, markets: Sequence[int], holders: Iterable[str] = ()) -> Check:
    """All balances of the ledger, read from the contracts, against the tokens it holds.

    ``holders`` are further accounts that may have a free balance, such as contracts.
    """
    platform = stage.platform
    chain = platform.chain
    token = chain.address("SettlementToken")
    accounts = sorted({*cast.names, *platform.keys.addresses(), *holders})
    free = chain.call_many([("Ledger", "free", (token, account)) for account in accounts])
    places = [(market, account) for market in markets for account in accounts]
    words = chain.call_many([("Ledger", "account", place) for place in places])
    bonds = chain.call_many([("Ledger", "bondOf", place) for place in places])
    total = (
        sum(free)
        + sum(word["margin"] + word["locked"] for word in words)
        + sum(bonds)
        + chain.call("Ledger", "dust", token)
    )
    held = chain.call("SettlementToken", "balanceOf", chain.address("Ledger"))
    return Check(
        "the ledger's balances, bonds and dust are the tokens it holds",
        total == held,
        f"{held / MICRO:,.2f} tokens",
    )


def replay(stage: Stage) -> Report:
    """Rebuild everything from the chain alone, and compare with contracts and database."""
    platform = stage.platform
    with stage.show.step("Replay from the chain alone") as step:
        found = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
        step.note(f"{sum(found.checked.values()):,} values compared")
    return found


def replayed(replay: Report) -> Check:
    """Whether the chain alone gives what the contracts and the database say."""
    return Check(
        "replay from the chain alone equals the database",
        replay.ok,
        f"{sum(replay.checked.values()):,} values, {len(replay.findings)} differences",
    )


def _certificate(traded: TradedRound, row: RoundRow, what: str) -> Check:
    """The solver-free checker's word, against the commitment and the gap the chain computed."""
    settlement = traded.settlement
    commitment = Commitment(bytes.fromhex((row.book_root or "0x")[2:]), row.book_count or 0)
    name = f"the certificate of {what} holds, checked without a solver"
    try:
        found = certificate.check(
            settlement.book, settlement.maxima, settlement.clearing, traded.rules, commitment
        )
    except CertificateError as error:
        return Check(name, False, str(error))
    return Check(
        name,
        found.gap_micro == row.gap_micro and (found.coupled or found.gap_micro == 0),
        f"gap {row.gap_micro} micro-units on-chain, welfare {found.welfare_micro / MICRO:,.2f}",
    )


def _balances(settlement: Settlement) -> bool:
    """Whether fills of buyers and sellers agree in every product, and something was filled."""
    sums: dict[int, int] = {}
    for signed, fill in zip(settlement.book.orders, settlement.clearing.fills, strict=True):
        for leg in signed.order.legs:
            quantity = leg.coefficient * fill // SCALE
            sums[leg.product] = sums.get(leg.product, 0) + quantity
    return any(settlement.clearing.fills) and not any(sums.values())
