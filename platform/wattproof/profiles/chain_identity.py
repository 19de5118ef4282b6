"""Does this chain belong to this database?

A development chain can be lost or replaced under a living database: its file deleted, another node
on the same port. Going on would pay out of balances that do not exist, so the platform stops and
says what can be done. A chain that only lost its last blocks is not another chain: the indexer
treats that as a reorganisation.
"""

from __future__ import annotations

import time

from sqlalchemy import Engine

from devnet.deployment import Deployment
from wattproof.errors import ChainMismatchError
from wattproof.gateway.chain import Chain
from wattproof.store.engine import transaction
from wattproof.store.models import InstallationRow


def bind(engine: Engine, deployment: Deployment) -> None:
    """Tie a new database to its chain; does nothing if it is tied already."""
    with transaction(engine) as session:
        if session.get(InstallationRow, 1) is None:
            session.add(
                InstallationRow(
                    chain_id=deployment.chain_id,
                    genesis_hash=deployment.genesis_hash,
                    deployment_block=deployment.block,
                    deployment_block_hash=deployment.block_hash,
                    addresses=dict(deployment.addresses),
                    created_at=int(time.time()),
                )
            )


def check(engine: Engine, chain: Chain, way_out: str) -> None:
    """Compare the chain with what the database was tied to.

    Args:
        way_out: what the user can do about it, a sentence.

    Raises:
        ChainMismatchError: another chain id, genesis or deployment block, or other contracts.
    """
    with transaction(engine) as session:
        tied = session.get(InstallationRow, 1)
    if tied is None:
        return
    problem = _difference(tied, chain)
    if problem:
        raise ChainMismatchError(
            f"the chain at {chain.rpc_url} is not the one this database belongs to: {problem}. "
            f"It was lost or replaced. {way_out}"
        )


def _difference(tied: InstallationRow, chain: Chain) -> str | None:
    chain_id = chain.chain_id()
    if chain_id != tied.chain_id:
        return f"its chain id is {chain_id}, not {tied.chain_id}"
    genesis, deployment = chain.blocks([0, tied.deployment_block])
    if genesis is None or genesis.hash != tied.genesis_hash:
        found = genesis.hash if genesis else "missing"
        return f"its genesis block is {found}, not {tied.genesis_hash}"
    if deployment is None or deployment.hash != tied.deployment_block_hash:
        found = deployment.hash if deployment else "missing"
        return (
            f"block {tied.deployment_block}, which deployed our contracts, is {found}, "
            f"not {tied.deployment_block_hash}"
        )
    if dict(chain.deployment.addresses) != tied.addresses:
        return "the deployment file names other contracts than the database"
    return None
