"""Reading stale rows from the contracts' views at one block, and storing them.

Reading is done without a database transaction (``read``), storing in one (``store``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from wattproof.accounts.models import AssetRow, CredentialRow, FreeRow, MarginRow
from wattproof.gateway.chain import Block, Call, Chain
from wattproof.indexer.projection import Stale, to_json
from wattproof.rounds.models import MarketRow, RoundRow

STATUSES = ("None", "Open", "Gated", "Verified", "Settled", "Void")


@dataclass(slots=True)
class Reading:
    """Fresh values by the key of what they belong to."""

    markets: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    rounds: dict[tuple[int, int], Mapping[str, Any]] = field(default_factory=dict)
    accounts: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)
    free: dict[tuple[str, str], int] = field(default_factory=dict)
    assets: dict[str, tuple[int, int]] = field(default_factory=dict)
    credentials: dict[tuple[str, bytes], Mapping[str, Any]] = field(default_factory=dict)


def read(chain: Chain, stale: Stale, assets: Mapping[int, str], at: Block) -> Reading:
    """Ask the contracts, in few requests.

    Args:
        assets: settlement token by market, for markets already known.
    """
    tag = {"blockHash": at.hash}
    reading = Reading()
    known = dict(assets)
    markets = sorted(stale.markets)
    params = chain.call_many([("Exchange", "market", (market,)) for market in markets], block=tag)
    for market, found in zip(markets, params, strict=True):
        reading.markets[market] = found
        known[market] = found["asset"]

    revoked = sorted(stale.revoked)
    owners = chain.call_many(
        [("CredentialRegistry", "credentialOf", (credential,)) for credential in revoked],
        block=tag,
    )
    credentials = sorted(stale.credentials | set(owners))
    rounds = sorted(stale.rounds)
    accounts = sorted(stale.accounts)
    free = sorted(
        stale.free | {(known[market], account) for market, account in accounts if market in known}
    )
    totals = sorted(
        stale.assets | {known[market] for market in stale.settled_markets if market in known}
    )
    calls: list[Call] = [
        *(("Exchange", "roundOf", key) for key in rounds),
        *(("Ledger", "account", key) for key in accounts),
        *(("Ledger", "exitOf", key) for key in accounts),
        *(("Ledger", "bondOf", key) for key in accounts),
        *(("Ledger", "free", key) for key in free),
        *(("Ledger", "totalDeposited", (asset,)) for asset in totals),
        *(("Ledger", "dust", (asset,)) for asset in totals),
        *(("CredentialRegistry", "grantOf", key) for key in credentials),
    ]
    answers = iter(chain.call_many(calls, block=tag))
    reading.rounds = {key: next(answers) for key in rounds}
    words = [next(answers) for _ in accounts]
    exits = [next(answers) for _ in accounts]
    bonds = [next(answers) for _ in accounts]
    for key, word, leaving, bond in zip(accounts, words, exits, bonds, strict=True):
        reading.accounts[key] = {
            "margin_micro": word["margin"],
            "locked_micro": word["locked"],
            "epoch": word["epoch"],
            "prev_epoch": word["prevEpoch"],
            "epoch_round": word["epochRound"],
            "exit_round": word["exitRound"],
            "capacity": word["capacity"],
            "exit_micro": leaving[0],
            "exit_requested_at": leaving[1],
            "bond_micro": bond,
        }
    reading.free = {key: next(answers) for key in free}
    deposited = [next(answers) for _ in totals]
    dust = [next(answers) for _ in totals]
    reading.assets = dict(zip(totals, zip(deposited, dust, strict=True), strict=True))
    reading.credentials = {key: next(answers) for key in credentials}
    return reading


def store(session: Session, reading: Reading) -> None:
    """Write what was read; rounds are left to the round's own state machine."""
    with session.no_autoflush:
        _store(session, reading)


def _store(session: Session, reading: Reading) -> None:
    for market, params in reading.markets.items():
        if params["slotSeconds"] == 0:
            continue
        row = session.get(MarketRow, market) or MarketRow(
            market=market, operator="", balancing="", asset="", params={}
        )
        row.operator, row.balancing = params["operator"], params["balancing"]
        row.asset, row.params = params["asset"], to_json(params)
        session.add(row)
    session.flush()
    for (market, account), values in reading.accounts.items():
        session.merge(MarginRow(market=market, account=account, **values))
    for (asset, account), free in reading.free.items():
        session.merge(FreeRow(asset=asset, account=account, free_micro=free))
    for asset, (deposited, dust) in reading.assets.items():
        session.merge(AssetRow(asset=asset, total_deposited_micro=deposited, dust_micro=dust))
    for (subject, role), grant in reading.credentials.items():
        session.merge(
            CredentialRow(
                subject=subject,
                role="0x" + role.hex(),
                credential_hash="0x" + grant["credentialHash"].hex(),
                issuer=grant["issuer"],
                valid_from=grant["validFrom"],
                expires_at=grant["expiresAt"],
                revoked_at=grant["revokedAt"],
            )
        )


def update_round(row: RoundRow, view: Mapping[str, Any]) -> None:
    """Bring a round's row in line with the chain.

    The chain alone says open, confirmed and void; in between the platform's own steps count. After
    a reorganisation a round falls back to the last step that the platform has itself stored.
    """
    status = STATUSES[view["status"]]
    row.chain_status = status
    if status == "None":
        row.state = "announced"
    elif status == "Void":
        row.state = "void"
    elif status == "Settled":
        row.positions_root = "0x" + view["positionsRoot"].hex()
        row.positions_count = view["positionsCount"]
        row.prices_hash = "0x" + view["pricesHash"].hex()
        if row.state not in ("delivered", "closed"):
            row.state = "confirmed"
    elif row.state in ("confirmed", "delivered", "closed"):
        row.state = "submitted"
    elif status == "Open" and row.state in ("announced", "void"):
        row.state = "open" if row.book_root is None else "gate_closed"
    elif row.state == "void":
        row.state = "gate_closed"
    if status != "None":
        row.gate_at = view["gateAt"]
        row.first_slot = view["firstSlot"]
        row.slots = view["slots"]
