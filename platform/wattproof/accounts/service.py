"""Accounts: what they hold, how they get there, and which transactions their owners sign.

Money moves by its owner's transaction alone. Where the owner's key is a wallet, the platform gives
the unsigned transaction (`transactions`); where it holds the key itself (its own roles, demo
traders of the embedded chain) it queues the same call in the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak
from sqlmodel import Session, select

from identity.roles import ROLES, role_id
from wattproof.accounts.models import CredentialRow, FreeRow, MarginRow
from wattproof.errors import MisconfiguredError, NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.rounds.facts import attests_capacity, get_market, role_of
from wattproof.runtime import Platform
from wattproof.settings import Profile

GAS = 300_000
"""Limit for calls whose cost hardly varies; what is not used is not paid."""

_FAUCET_WEI = 10**18
_YEAR_S = 365 * 86_400


@dataclass(frozen=True, slots=True)
class MarketBalance:
    """An account in one market, micro-units."""

    market: int
    margin_micro: int
    locked_micro: int
    bond_micro: int
    exit_micro: int
    epoch: int
    capacity_wh: int | None


@dataclass(frozen=True, slots=True)
class Balances:
    """Everything an account has in the ledger; ``free_micro`` by asset."""

    account: str
    free_micro: Mapping[str, int]
    markets: Sequence[MarketBalance]


@dataclass(frozen=True, slots=True)
class UnsignedTransaction:
    """A call for a wallet to sign; nonce and fees are the wallet's business."""

    title: str
    to: str
    data: str
    value_wei: int
    chain_id: int
    gas: int = GAS


# -- reading ---------------------------------------------------------------------------------------


def balances(session: Session, account: str) -> Balances:
    """What the index says the account has; zeros for an account nobody has seen."""
    free = session.exec(select(FreeRow).where(FreeRow.account == account)).all()
    words = session.exec(select(MarginRow).where(MarginRow.account == account)).all()
    markets: list[MarketBalance] = []
    for row in words:
        market = get_market(session, row.market)
        unit = int(market.params["capacityUnitWh"])
        markets.append(
            MarketBalance(
                market=row.market,
                margin_micro=row.margin_micro,
                locked_micro=row.locked_micro,
                bond_micro=row.bond_micro,
                exit_micro=row.exit_micro,
                epoch=row.epoch,
                capacity_wh=row.capacity * unit if attests_capacity(market) else None,
            )
        )
    return Balances(account, {row.asset: row.free_micro for row in free}, markets)


def wallet_balance(platform: Platform, account: str, asset: str | None = None) -> int:
    """Tokens outside the ledger, micro-units, read from the chain now."""
    if asset is not None and asset != platform.chain.address("SettlementToken"):
        raise NotFoundError(f"{asset} is not the settlement token of this installation")
    return int(platform.chain.call("SettlementToken", "balanceOf", account))


def holds_role(session: Session, account: str, role: bytes, at: int) -> bool:
    """Whether a credential for the role stands at a time, as indexed."""
    row = session.get(CredentialRow, (account, "0x" + role.hex()))
    if row is None:
        return False
    until = min(row.expires_at, row.revoked_at or row.expires_at)
    return row.valid_from <= at < until


# -- transactions for wallets ----------------------------------------------------------------------


def deposit_transactions(
    platform: Platform, amount_micro: int, to: str
) -> list[UnsignedTransaction]:
    """Approve the ledger, then deposit into the free balance of ``to``."""
    token = platform.chain.address("SettlementToken")
    ledger = platform.chain.address("Ledger")
    return [
        unsigned(
            platform, "approve the ledger", "SettlementToken", "approve", ledger, amount_micro
        ),
        unsigned(platform, "deposit", "Ledger", "deposit", token, amount_micro, to),
    ]


def withdraw_transaction(platform: Platform, amount_micro: int, to: str) -> UnsignedTransaction:
    """Pay out of the signer's free balance."""
    token = platform.chain.address("SettlementToken")
    return unsigned(platform, "withdraw", "Ledger", "withdraw", token, amount_micro, to)


def margin_transaction(platform: Platform, market: int, amount_micro: int) -> UnsignedTransaction:
    """Move free balance into the market's margin."""
    return unsigned(platform, "add margin", "Ledger", "addMargin", market, amount_micro)


def exit_transaction(platform: Platform, market: int, amount_micro: int) -> UnsignedTransaction:
    """Announce that margin leaves."""
    return unsigned(platform, "request exit", "Ledger", "requestExit", market, amount_micro)


def complete_exit_transaction(platform: Platform, market: int) -> UnsignedTransaction:
    """Move announced margin to the free balance once its delay has passed."""
    return unsigned(platform, "complete exit", "Ledger", "completeExit", market)


def epoch_transaction(platform: Platform, market: int) -> UnsignedTransaction:
    """Cancel all of the signer's orders from the effective round on."""
    return unsigned(platform, "cancel all orders", "Ledger", "bumpEpoch", market)


def capacity_transaction(platform: Platform, market: int, account: str) -> UnsignedTransaction:
    """Read the account's attested capacity into its word."""
    return unsigned(platform, "sync capacity", "Ledger", "syncCapacity", market, account)


def unsigned(
    platform: Platform,
    title: str,
    contract: str,
    function: str,
    *args: object,
    gas: int = GAS,
) -> UnsignedTransaction:
    """Any call of our contracts as an unsigned transaction."""
    return UnsignedTransaction(
        title=title,
        to=platform.chain.address(contract),
        data=platform.chain.encode(contract, function, *args),
        value_wei=0,
        chain_id=platform.deployment.chain_id,
        gas=gas,
    )


# -- identity --------------------------------------------------------------------------------------


def bootstrap(platform: Platform, session: Session) -> None:
    """Accredit the platform's issuer for every role; does nothing where that is done."""
    if outbox.find(session, f"accredit:{ROLES[-1]}") is not None:
        return
    issuer = platform.keys.address(Role.ISSUER)
    known = platform.chain.call_many(
        [("CredentialRegistry", "accreditationOf", (issuer, role_id(role))) for role in ROLES]
    )
    for role in (role for role, found in zip(ROLES, known, strict=True) if not found[0]):
        outbox.call(
            session,
            platform.chain,
            "CredentialRegistry",
            "accredit",
            issuer,
            role_id(role),
            key=f"accredit:{role}",
            signer=platform.keys.address(Role.ADMIN),
            gas_limit=GAS,
        )


def grant_credential(
    platform: Platform,
    session: Session,
    subject: str,
    role: bytes,
    *,
    credential_hash: bytes,
    expires_at: int,
) -> OutboxRow:
    """Let the platform's issuer grant a role; ``expires_at`` in seconds, UTC.

    The same credential hash is granted once.
    """
    return outbox.call(
        session,
        platform.chain,
        "CredentialRegistry",
        "grant",
        credential_hash,
        subject,
        role,
        expires_at,
        key=f"grant:{credential_hash.hex()}",
        signer=platform.keys.address(Role.ISSUER),
        gas_limit=GAS,
        after=_accreditation(session),
    )


def revoke_credential(platform: Platform, session: Session, credential_hash: bytes) -> OutboxRow:
    """Let the platform's issuer revoke a credential that it granted."""
    return outbox.call(
        session,
        platform.chain,
        "CredentialRegistry",
        "revoke",
        credential_hash,
        key=f"revoke:{credential_hash.hex()}",
        signer=platform.keys.address(Role.ISSUER),
        gas_limit=GAS,
    )


def register(
    platform: Platform,
    session: Session,
    account: str,
    role: str = "prosumer",
    *,
    credential_hash: bytes | None = None,
    expires_at: int | None = None,
) -> OutboxRow | None:
    """Give an account a role's credential for a year, unless one stands already.

    Args:
        credential_hash: of the signed credential document; by default one that names account,
            role and time, for installations that keep no documents.

    Returns:
        The queued grant, or None where a credential stands.
    """
    now = platform.clock.now()
    number = role_id(role)
    if holds_role(session, account, number, now):
        return None
    if credential_hash is None:
        said = f"{account}:{role}:{platform.deployment.chain_id}:{now // 86_400}"
        credential_hash = keccak(text=said)
    return grant_credential(
        platform,
        session,
        account,
        number,
        credential_hash=credential_hash,
        expires_at=expires_at or now + _YEAR_S,
    )


def attest_battery(
    platform: Platform,
    session: Session,
    owner: str,
    *,
    battery_id: bytes,
    capacity_wh: int,
    state_of_health_bp: int,
    cycles_per_day_milli: int,
    after: OutboxRow | None = None,
) -> OutboxRow:
    """Attest a battery to an identified owner.

    Args:
        after: the grant of the owner's credential, if it is still on its way.
    """
    return outbox.call(
        session,
        platform.chain,
        "BatteryPassport",
        "attest",
        owner,
        battery_id,
        capacity_wh,
        state_of_health_bp,
        cycles_per_day_milli,
        key=f"battery:{battery_id.hex()}:{owner}:{capacity_wh}:{state_of_health_bp}",
        signer=platform.keys.address(Role.ISSUER),
        gas_limit=GAS,
        after=after,
    )


def _accreditation(session: Session) -> OutboxRow | None:
    return outbox.find(session, f"accredit:{ROLES[-1]}")


# -- money of the platform's own keys, and test money ----------------------------------------------


def mint(
    platform: Platform, session: Session, to: str, amount_micro: int, *, key: str
) -> OutboxRow:
    """Issue settlement tokens (the devnet's stable unit)."""
    return outbox.call(
        session,
        platform.chain,
        "SettlementToken",
        "mint",
        to,
        amount_micro,
        key=f"mint:{key}",
        signer=platform.keys.address(Role.ADMIN),
        gas_limit=GAS,
    )


def faucet(
    platform: Platform, session: Session, account: str, amount_micro: int, *, key: str
) -> list[OutboxRow]:
    """Test tokens and gas for an account of the embedded chain.

    Raises:
        RefusedError: this is not the embedded profile.
    """
    if platform.settings.profile is not Profile.EMBEDDED:
        raise RefusedError("test money exists in the embedded profile alone", code="no_faucet")
    return [
        mint(platform, session, account, amount_micro, key=f"faucet:{account}:{key}"),
        outbox.enqueue(
            session,
            key=f"gas:{account}:{key}",
            signer=platform.keys.address(Role.ADMIN),
            to=account,
            value_wei=_FAUCET_WEI,
            gas_limit=21_000,
        ),
    ]


def fund_accounts(
    platform: Platform, session: Session, amounts_micro: Mapping[str, int], *, key: str
) -> OutboxRow:
    """Mint to the platform's administrator, who deposits for each account. Embedded profile.

    Returns:
        The last write; what spends these balances goes ``after`` it.
    """
    admin = platform.keys.address(Role.ADMIN)
    token = platform.chain.address("SettlementToken")
    total = sum(amounts_micro.values())
    last = _mint_to_pay_in(platform, session, total, key=key)
    for account, amount in sorted(amounts_micro.items()):
        last = outbox.call(
            session,
            platform.chain,
            "Ledger",
            "deposit",
            token,
            amount,
            account,
            key=f"fund:{key}:{account}",
            signer=admin,
            gas_limit=GAS,
        )
    return last


def _mint_to_pay_in(
    platform: Platform, session: Session, amount_micro: int, *, key: str
) -> OutboxRow:
    """Tokens for the administrator, which the ledger may take. Returns the minting."""
    admin = platform.keys.address(Role.ADMIN)
    minted = mint(platform, session, admin, amount_micro, key=f"fund:{key}")
    outbox.call(
        session,
        platform.chain,
        "SettlementToken",
        "approve",
        platform.chain.address("Ledger"),
        amount_micro,
        key=f"fund-approve:{key}",
        signer=admin,
        gas_limit=GAS,
    )
    return minted


def fund_margin(
    platform: Platform, session: Session, market: int, account: str, amount_micro: int, *, key: str
) -> OutboxRow:
    """Mint to the platform's administrator, who pays it into an account's margin. Embedded
    profile; the account needs no key here and no gas."""
    admin, name = platform.keys.address(Role.ADMIN), f"{market}:{account}:{key}"
    _mint_to_pay_in(platform, session, amount_micro, key=f"margin:{name}")
    return outbox.call(
        session,
        platform.chain,
        "Ledger",
        "depositMargin",
        market,
        amount_micro,
        account,
        key=f"depositMargin:{name}",
        signer=admin,
        gas_limit=GAS,
    )


def ledger_call(
    platform: Platform,
    session: Session,
    account: str,
    function: str,
    *args: object,
    key: str,
    after: OutboxRow | None = None,
) -> OutboxRow:
    """A ledger call by an account whose key the platform holds (its roles, demo traders).

    Raises:
        MisconfiguredError: the platform has no key of this account.
    """
    if account not in platform.keys.addresses():
        raise MisconfiguredError(f"there is no signing key for {account}")
    return outbox.call(
        session,
        platform.chain,
        "Ledger",
        function,
        *args,
        key=f"{function}:{account}:{key}",
        signer=account,
        gas_limit=GAS,
        after=after,
    )


def send_gas(
    platform: Platform, session: Session, accounts: Sequence[str], wei: int = _FAUCET_WEI
) -> OutboxRow | None:
    """Give accounts of the embedded chain what transactions cost."""
    last: OutboxRow | None = None
    for account in accounts:
        last = outbox.enqueue(
            session,
            key=f"gas:{account}",
            signer=platform.keys.address(Role.ADMIN),
            to=account,
            value_wei=wei,
            gas_limit=21_000,
        )
    return last


def post_bond(
    platform: Platform, session: Session, role: Role, market: int, amount_micro: int
) -> OutboxRow:
    """Fund one of the platform's roles and post its bond in a market. Embedded profile."""
    account = platform.keys.address(role)
    funded = fund_accounts(
        platform, session, {account: amount_micro}, key=f"bond:{role}:{market}:{amount_micro}"
    )
    return ledger_call(
        platform,
        session,
        account,
        "postBond",
        market,
        amount_micro,
        key=f"{market}:{amount_micro}",
        after=funded,
    )


def required_role(session: Session, market: int) -> bytes | None:
    """The role whose credential the market asks for; None if it is open."""
    return role_of(get_market(session, market))
