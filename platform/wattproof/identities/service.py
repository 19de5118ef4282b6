"""Resolving and dereferencing DIDs."""

from __future__ import annotations

from identity.did import EthrMethod, KeyMethod, Resolver
from wattproof.identities.history import ChainHistory
from wattproof.runtime import Platform


def resolver(platform: Platform) -> Resolver:
    """Resolves did:ethr of the deployment's chain, and did:key.

    did:web is left out here: the platform reads no addresses that a caller names.
    """
    history = ChainHistory(platform.chain, platform.clock)
    return Resolver(
        {"ethr": EthrMethod({platform.deployment.chain_id: history}), "key": KeyMethod()}
    )
