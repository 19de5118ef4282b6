"""The markets that are installed: every folder of `market` that exposes a `MANIFEST`.

To add a market, add a folder `market/<name>/` whose package defines
`MANIFEST: MarketManifest`; nothing here changes. Platforms that belong together, such as
electricity and its certificates, share a folder that defines `MANIFESTS` instead, a tuple of them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType

import market
from market.network import Network
from market.rules import MarketRules


@dataclass(frozen=True, slots=True)
class MarketManifest:
    """What a market is, as data.

    `carriers` and `zones` are the names behind their numbers; `rules` the defaults with which the
    market is created; `role` the credential a trader needs (None: open to everybody);
    `capacity_source` the contract that attests what may be sold (None: no bound);
    `planner` the module whose `PLANNER` makes dispatch plans (`market.dispatch.Planner`), imported
    when one is made (None: nobody plans for its participants); `network` what connects its zones
    (None: they are apart, or there is one).
    """

    name: str
    title: str
    carriers: tuple[str, ...]
    zones: tuple[str, ...]
    rules: MarketRules
    role: str | None = None
    capacity_source: str | None = None
    planner: str | None = None
    network: Network | None = None

    def __post_init__(self) -> None:
        if (len(self.carriers), len(self.zones)) != (self.rules.carriers, self.rules.zones):
            raise ValueError(f"market {self.name}: name every carrier and zone of its rules")
        self.rules.check_source(self.capacity_source is not None)
        self.rules.check_network(self.network is not None)
        if self.network is not None:
            self.network.check_market(self.rules)


@cache
def markets() -> Mapping[str, MarketManifest]:
    """Manifests by name, in alphabetical order. Raises ValueError when two share a name."""
    found: dict[str, MarketManifest] = {}
    for module in sorted(pkgutil.iter_modules(market.__path__), key=lambda m: m.name):
        if not module.ispkg:
            continue
        for manifest in _manifests_of(import_module(f"market.{module.name}")):
            if manifest.name in found:
                raise ValueError(f"two markets are called {manifest.name}")
            found[manifest.name] = manifest
    return MappingProxyType(dict(sorted(found.items())))


def _manifests_of(folder: ModuleType) -> tuple[MarketManifest, ...]:
    """What a folder of `market` exposes; nothing where it is no market."""
    if hasattr(folder, "MANIFESTS"):
        name, manifests = "MANIFESTS", tuple(folder.MANIFESTS)
    elif hasattr(folder, "MANIFEST"):
        name, manifests = "MANIFEST", (folder.MANIFEST,)
    else:
        return ()
    if not all(isinstance(manifest, MarketManifest) for manifest in manifests):
        raise ValueError(f"{folder.__name__}.{name} is not a MarketManifest, or a tuple of them")
    return manifests


def __getattr__(name: str) -> Mapping[str, MarketManifest]:
    if name == "MARKETS":
        return markets()
    raise AttributeError(name)
