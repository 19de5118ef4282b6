from __future__ import annotations

import dataclasses
import sys
import types

import pytest

import market
from market import registry
from market.network import Link, Network
from market.product import ProductGrid
from market.registry import MarketManifest, markets
from market.synthetic import rules_for

RULES = rules_for(ProductGrid(1, 1, 0, 1))
MANIFEST = MarketManifest("demo", "A demonstration", ("electricity",), ("everywhere",), RULES)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A further folder on the path of `market`, whose packages hold what is given."""
    monkeypatch.setattr(market, "__path__", [*market.__path__, str(tmp_path)])
    markets.cache_clear()

    def add(name: str, manifest: object, exposed: str = "MANIFEST") -> None:
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text("")
        module = types.ModuleType(f"market.{name}")
        module.__dict__[exposed] = manifest
        monkeypatch.setitem(sys.modules, f"market.{name}", module)

    yield add
    markets.cache_clear()


def test_a_market_is_found_by_its_folder(folder):
    folder("a_demo", MANIFEST)
    assert registry.MARKETS["demo"] is MANIFEST
    with pytest.raises(AttributeError):
        _ = registry.NOTHING


def test_platforms_that_belong_together_share_a_folder(folder):
    other = dataclasses.replace(MANIFEST, name="other")
    folder("a_demo", (MANIFEST, other), "MANIFESTS")
    assert (registry.MARKETS["demo"], registry.MARKETS["other"]) == (MANIFEST, other)


def test_two_markets_of_one_name_are_refused(folder):
    folder("a_demo", MANIFEST)
    folder("another_demo", MANIFEST)
    with pytest.raises(ValueError, match="two markets"):
        markets()


def test_a_manifest_that_is_none_is_refused(folder):
    folder("a_demo", "MANIFEST")
    with pytest.raises(ValueError, match=r"a_demo\.MANIFEST is not"):
        markets()


def test_a_manifest_among_several_that_is_none_is_refused(folder):
    folder("a_demo", (MANIFEST, "MANIFEST"), "MANIFESTS")
    with pytest.raises(ValueError, match=r"a_demo\.MANIFESTS is not"):
        markets()


def test_a_source_that_the_rules_do_not_fit_is_refused():
    with pytest.raises(ValueError, match="needs capacity_unit_wh"):
        dataclasses.replace(MANIFEST, capacity_source="BatteryPassport")


def test_every_carrier_and_zone_has_a_name():
    with pytest.raises(ValueError, match="name every carrier"):
        dataclasses.replace(MANIFEST, carriers=("electricity", "heat"))


def test_a_network_that_the_rules_do_not_fit_is_refused():
    network = Network(1, 1, 2, (Link("cable", 0, 0, 1, 1_000),))
    rules = dataclasses.replace(rules_for(ProductGrid(1, 2, 0, 1)), open_carriers=1)
    zones = ("here", "there")
    linked = dataclasses.replace(MANIFEST, zones=zones, rules=rules, network=network)
    assert linked.network is network
    with pytest.raises(ValueError, match="without a network account"):
        dataclasses.replace(linked, network=None)
    with pytest.raises(ValueError, match="open_carriers"):
        dataclasses.replace(linked, rules=dataclasses.replace(rules, open_carriers=0))
    wider = Network(1, 1, 3, (Link("cable", 0, 0, 2, 1_000),))
    with pytest.raises(ValueError, match="and 3 zones, the market has 1"):
        dataclasses.replace(linked, network=wider)
