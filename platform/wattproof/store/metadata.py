"""All tables: importing this module registers every model."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from sqlalchemy import MetaData
from sqlmodel import SQLModel

_MODULES = (
    "wattproof.store.models",
    "wattproof.gateway.models",
    "wattproof.indexer.models",
    "wattproof.rounds.models",
    "wattproof.networks.models",
    "wattproof.orders.models",
    "wattproof.accounts.models",
    "wattproof.meters.models",
    "wattproof.certificates.models",
    "wattproof.quotas.models",
    "wattproof.delegations.models",
    "wattproof.comfort.models",
    "wattproof.dispatch.models",
    "wattproof.participants.models",
    "wattproof.relaying.models",
    "wattproof.credentials.models",
    "wattproof.trust.models",
    "wattproof.auth.models",
    "wattproof.api.models",
    "wattproof.privacy.models",
    "wattproof.analytics.models",
)


def load() -> MetaData:
    """The metadata of every model of the platform."""
    for name in _MODULES:
        if find_spec(name.rsplit(".", 1)[0]) and find_spec(name):
            import_module(name)
    return SQLModel.metadata
