"""PostgreSQL, Celery workers, any JSON-RPC chain, encrypted key files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from devnet.deployment import Deployment
from wattproof.errors import MisconfiguredError
from wattproof.gateway.chain import Chain
from wattproof.gateway.clock import ChainClock, Clock, SystemClock
from wattproof.gateway.keys import Keyring
from wattproof.profiles import chain_identity
from wattproof.runtime import Platform, build
from wattproof.settings import Settings
from wattproof.store.engine import make_engine
from wattproof.store.migrate import upgrade


@contextmanager
def open_scaled(settings: Settings) -> Iterator[Platform]:
    """Connect to the configured services.

    Raises:
        MisconfiguredError: a file is missing or unusable.
        ChainMismatchError: the chain is not the one the database belongs to.
    """
    path = settings.deployment_path
    if not path.exists():
        raise MisconfiguredError(
            f"there is no deployment file {path}; deploy the contracts or set "
            "WATTPROOF_DEPLOYMENT_FILE"
        )
    assert settings.keystore_dir is not None  # the settings insist on it
    keys = Keyring.from_files(settings.keystore_dir, settings.keystore_passphrase_file)
    deployment = Deployment.read(path)
    chain = Chain(
        settings.rpc_url, deployment, timeout_s=settings.rpc_timeout_s, batch=settings.rpc_batch
    )
    engine = make_engine(settings.database)
    try:
        upgrade(engine)
        chain_identity.bind(engine, deployment)
        chain_identity.check(
            engine, chain, "Point WATTPROOF_RPC_URL to the right chain, or use a new database."
        )
        clock: Clock = ChainClock(chain) if settings.chain_time else SystemClock(chain)
        yield build(settings, engine, chain, keys, clock)
    finally:
        engine.dispose()
