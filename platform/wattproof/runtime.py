"""The running platform: what every service needs, put together once by a profile."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlmodel import Session

from devnet.deployment import Deployment
from market.order import Domain
from wattproof.auth.rate_limits import RateLimits
from wattproof.explanations.recent import RecentRounds
from wattproof.gateway.chain import Chain
from wattproof.gateway.clock import Clock
from wattproof.gateway.keys import Keyring
from wattproof.gateway.writer import Writer
from wattproof.indexer.service import Indexer
from wattproof.resting import Resting
from wattproof.settings import Settings
from wattproof.store.engine import transaction


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings, database, chain and keys of one installation."""

    settings: Settings
    engine: Engine
    chain: Chain
    keys: Keyring
    clock: Clock
    writer: Writer
    indexer: Indexer
    resting: Resting = field(default_factory=Resting)
    explained: RecentRounds = field(default_factory=RecentRounds)
    rate_limits: RateLimits = field(default_factory=lambda: RateLimits(None))

    @property
    def deployment(self) -> Deployment:
        """Where the contracts are."""
        return self.chain.deployment

    @property
    def domain(self) -> Domain:
        """What every signed message is bound to."""
        return Domain(self.deployment.chain_id, self.chain.address("Exchange"))

    def transaction(self) -> AbstractContextManager[Session]:
        """A session that commits at the end of the block."""
        return transaction(self.engine)


def build(
    settings: Settings, engine: Engine, chain: Chain, keys: Keyring, clock: Clock
) -> Platform:
    """Put the parts together."""
    return Platform(
        settings=settings,
        engine=engine,
        chain=chain,
        keys=keys,
        clock=clock,
        writer=Writer(engine, chain, keys, settings),
        indexer=Indexer(
            engine,
            chain,
            confirmations=settings.confirmations,
            blocks=settings.index_blocks,
        ),
        rate_limits=RateLimits.of(settings),
    )
