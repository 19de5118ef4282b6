"""Everything in one folder: SQLite, the embedded node with its state, the deployment."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from devnet import AnvilNode, NodeError, NodeOptions, accounts
from devnet.deploy import DeploymentError, deploy
from devnet.deployment import Deployment
from devnet.roles import AuthorityRole
from wattproof.accounts.service import bootstrap
from wattproof.errors import MisconfiguredError
from wattproof.gateway.chain import Chain
from wattproof.gateway.clock import ChainClock
from wattproof.gateway.keys import Keyring
from wattproof.profiles import chain_identity
from wattproof.runtime import Platform, build
from wattproof.settings import Settings
from wattproof.store.engine import make_engine
from wattproof.store.migrate import upgrade

_STATE_WAIT_S = 5.0


@contextmanager
def open_embedded(settings: Settings) -> Iterator[Platform]:
    """Start the node (unless an address is set), deploy if new, check the chain, open the rest.

    Raises:
        MisconfiguredError: the node does not start or the deployment fails; says why.
        ChainMismatchError: the chain is not the one the database belongs to.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with _node(settings) as node:
            yield from _run(settings, node.url if node else settings.rpc_url, own=node is not None)
    except NodeError as error:
        raise MisconfiguredError(str(error)) from error


def _run(settings: Settings, rpc_url: str, *, own: bool) -> Iterator[Platform]:
    engine = make_engine(settings.database)
    try:
        upgrade(engine)
        path = settings.deployment_path
        if not path.exists():
            deployment = _deploy(rpc_url)
            if own:
                _wait_for_state(settings)
            deployment.write(path)
        deployment = Deployment.read(path)
        chain = Chain(
            rpc_url, deployment, timeout_s=settings.rpc_timeout_s, batch=settings.rpc_batch
        )
        chain_identity.bind(engine, deployment)
        chain_identity.check(
            engine,
            chain,
            f"Put back the chain's state ({settings.chain_state_path}) from a backup, or move "
            f"{settings.data_dir} away to begin anew.",
        )
        platform = build(settings, engine, chain, Keyring.development(), ChainClock(chain))
        with platform.transaction() as session:
            bootstrap(platform, session)
        yield platform
    finally:
        engine.dispose()


def _node(settings: Settings) -> AnvilNode | nullcontext[None]:
    if settings.rpc_url:
        return nullcontext()
    return AnvilNode(NodeOptions(chain_id=_chain_id(settings), state=settings.chain_state_path))


def _chain_id(settings: Settings) -> int:
    """This installation's own chain id: an order signed elsewhere can never count here."""
    path = settings.data_dir / "chain-id"
    if not path.exists():
        path.write_text(f"{1_000_000_000 + secrets.randbelow(1_000_000_000)}\n", encoding="utf-8")
    return int(path.read_text(encoding="utf-8"))


def _deploy(rpc_url: str) -> Deployment:
    issuer = [accounts.address(accounts.ISSUER)]
    try:
        return deploy(
            rpc_url,
            bytes(accounts.account(accounts.DEPLOYER).key),
            holders={
                AuthorityRole.METER_REGISTRAR: issuer,
                AuthorityRole.METER_AUTHORITY: issuer,
                AuthorityRole.ATTESTER: issuer,
                AuthorityRole.CERTIFICATE_REGISTRAR: issuer,
            },
        )
    except (DeploymentError, OSError) as error:
        raise MisconfiguredError(f"the contracts could not be deployed: {error}") from error


def _wait_for_state(settings: Settings) -> None:
    """Wait until the node has written the deployment to disk, so that a crash cannot lose it."""
    deployed = time.time()
    give_up = time.monotonic() + _STATE_WAIT_S
    path = settings.chain_state_path
    while time.monotonic() < give_up:
        if path.exists() and path.stat().st_mtime > deployed:
            return
        time.sleep(0.05)
