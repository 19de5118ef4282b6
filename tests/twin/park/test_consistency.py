from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from twin.park import equipment as make
from twin.park.carriers import Carrier
from twin.park.consistency import check_park, check_site
from twin.park.published import NORTH, SOUTH, published_park
from twin.park.site import (
    Link,
    ParkError,
    ParkSite,
    Process,
    ProcessType,
    Renewable,
    Store,
    Technology,
    WillingnessBlock,
)

E, G, S, H, W, C, H2 = Carrier
MW = 1e6


@pytest.fixture(scope="module")
def park():
    return published_park().setup.park


def with_site(park, **parts):
    return replace(park, sites=(*park.sites, ParkSite("new", NORTH, **parts)))


def wants(carrier, **changes):
    process = Process("need", carrier, ProcessType.BATCH, MW, (WillingnessBlock(1.0, 1.0),))
    return replace(process, **changes)


def test_the_published_park_is_accepted(park):
    check_park(park)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (Store("tank", H, MW, MW, MW, charge_efficiency=0.0), "tank: charge_efficiency = 0"),
        (Store("tank", H, MW, MW, MW, discharge_efficiency=1.1), "tank: discharge_efficiency"),
        (Store("tank", H, MW, MW, MW, loss_per_hour=1.0), "tank loses 1 of its content"),
        (Store("tank", H, MW, MW, MW, initial_wh=2 * MW), "tank begins with 2e"),
        (Store("tank", H, -1.0, MW, MW), "tank: capacity_wh = -1"),
        (Store("tank", H, float("inf"), MW, MW), "tank: capacity_wh = inf"),
    ],
)
def test_a_store_that_cannot_be_is_refused(part, says):
    with pytest.raises(ParkError, match=says):
        check_site(ParkSite("new", NORTH, stores=(part,)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"peak_w": float("nan")}, "need: peak_w = nan"),
        ({"blocks": ()}, "shares of its willingness blocks must sum to 1"),
        ({"blocks": (WillingnessBlock(0.5, 1.0),)}, "must sum to 1"),
        ({"blocks": (WillingnessBlock(0.5, 1.0), WillingnessBlock(0.5, 2.0))}, "dearest first"),
        ({"blocks": (WillingnessBlock(1.0, -1.0),)}, "value_per_kwh = -1"),
    ],
)
def test_a_process_that_cannot_be_is_refused(changes, says):
    with pytest.raises(ParkError, match=says):
        check_site(ParkSite("new", NORTH, processes=(wants(E, **changes),)))


def test_a_roof_tilted_beyond_the_vertical_is_refused():
    roof = Renewable("roof", Technology.SUN, MW, tilt_deg=120.0)
    with pytest.raises(ParkError, match="roof: tilt"):
        check_site(ParkSite("new", NORTH, renewables=(roof,)))


def test_names_are_unique_and_not_empty(park):
    with pytest.raises(ParkError, match="site 'food' is there 2 times"):
        check_park(replace(park, sites=(*park.sites, park.site("food"))))
    twice = (Store("tank", H, MW, MW, MW), Store("tank", W, MW, MW, MW))
    with pytest.raises(ParkError, match="element of new 'tank' is there 2 times"):
        check_park(with_site(park, stores=twice))
    with pytest.raises(ParkError, match="zone has no name"):
        check_park(replace(park, zones=(*park.zones, " ")))


def test_an_unknown_zone_is_refused_where_it_is_named(park):
    with pytest.raises(ParkError, match="new lies in zone 'east'; the park has north, south"):
        check_park(replace(park, sites=(*park.sites, ParkSite("new", "east"))))


def test_a_zone_that_nothing_reaches_is_refused(park):
    with pytest.raises(ParkError, match="zone 'east' is disconnected"):
        check_park(replace(park, zones=(*park.zones, "east")))


def test_a_demand_that_nobody_can_deliver_is_refused_by_name(park):
    sites = tuple(site for site in park.sites if site.name == "offices")
    with pytest.raises(ParkError, match="nobody can deliver steam to need of new in zone 'south'"):
        check_park(
            replace(park, sites=(*sites, ParkSite("new", SOUTH, processes=(wants(S),))), links=())
        )


def test_a_converter_without_its_source_delivers_nothing(park):
    lift = make.heat_pump("lift", MW, 2.0, S, W)
    alone = ParkSite("new", SOUTH, (lift,), processes=(wants(S),))
    with pytest.raises(ParkError, match="nobody can deliver steam"):
        check_park(replace(park, sites=(alone,), links=()))
    fed = replace(alone, converters=(lift, make.boiler("boiler", MW, 1.0, W)))
    check_park(replace(park, sites=(fed,), links=()))


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (Link("line", E, NORTH, NORTH, MW), "line leads from north to itself"),
        (Link("line", E, NORTH, SOUTH, MW, 1.0), "line loses 1 of what enters"),
        (Link("line", E, NORTH, "east", MW), "line lies in zone 'east'"),
        (Link("line", E, NORTH, SOUTH, float("inf")), "line: capacity_w = inf"),
    ],
)
def test_a_link_that_cannot_be_is_refused(park, link, says):
    with pytest.raises(ParkError, match=says):
        check_park(replace(park, links=(*park.links, link)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"buy_per_kwh": np.zeros(3)}, r"grid north: buy_per_kwh is shaped \(3,\)"),
        ({"buy_per_kwh": np.full(96, np.nan)}, "grid north: buy_per_kwh is nan in slot 0"),
        ({"sell_per_kwh": np.full(96, 9.0)}, "grid north pays more for a kWh in slot 0"),
        ({"import_max_w": -1.0}, "grid north: import_max_w = -1"),
    ],
)
def test_a_connection_that_cannot_be_is_refused(park, changes, says):
    first = replace(park.connections[0], **changes)
    with pytest.raises(ParkError, match=says):
        check_park(replace(park, connections=(first, *park.connections[1:])))


def test_pieces_that_are_possible_alone_but_make_energy_together_are_refused_by_name(park):
    # A source at 60 C that is never used up: COP up to 12; a turbine gives up to 12.4 % of it back.
    lift = make.heat_pump("spring", MW, 11.0, H, source_c=60.0)
    engine = make.turbine("organic cycle", MW, 0.12, {W: 0.8}, drive=H)
    check_park(with_site(park, converters=(lift,)))
    check_park(with_site(park, converters=(engine,)))
    with pytest.raises(ParkError, match="make energy from nothing") as refusal:
        check_park(with_site(park, converters=(lift, engine)))
    named = str(refusal.value)
    assert "new/spring and new/organic cycle make" in named


def test_pieces_in_zones_that_nothing_joins_make_no_cycle(park):
    lift = make.heat_pump("spring", MW, 11.0, H, source_c=60.0)
    engine = make.turbine("organic cycle", MW, 0.12, {W: 0.8}, drive=H)
    apart = (ParkSite("one", NORTH, (lift,)), ParkSite("two", SOUTH, (engine,)))
    check_park(replace(park, sites=(*park.sites, *apart), links=()))
    with pytest.raises(ParkError, match=r"one/spring and two/organic cycle and .*hot water north"):
        check_park(replace(park, sites=(*park.sites, *apart)))


def test_a_lossless_round_trip_is_no_free_conversion(park):
    fall = make.heat_exchanger("fall", MW, H, W)
    lift = make.heat_pump("lift", MW, 8.0, H, W)
    check_park(with_site(park, converters=(fall, lift)))
