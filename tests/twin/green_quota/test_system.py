from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.twin.green_quota.test_competitive import DEMAND, RENEWABLE, THERMAL, TWO, WIND
from twin.green_quota.equilibrium import competitive_equilibrium
from twin.green_quota.published import published_system
from twin.green_quota.system import Cost, Demand, QuotaError, QuotaSystem, Withholding, check_system
from twin.green_quota.system_file import read_system

NAN, INFINITE = float("nan"), float("inf")

TOML = """
name = "island"
ratio = 0.2
buy_out_price = 90

[demand]
highest_price = 100
slope = 0.01

[[producers]]
name = "gas"
kind = "thermal"
[producers.fuel]
per_mwh = 20
slope = 0.001

[[producers]]
name = "wind"
kind = "renewable"
available_mwh = 1500
withholds = "both"
[producers.maintenance]
fixed = 10.5
"""


@pytest.mark.parametrize(
    ("system", "complaint"),
    [
        (replace(TWO, producers=()), "at least one producer"),
        (replace(TWO, ratio=1.01), "share from 0 to 1, not 1.01"),
        (replace(TWO, ratio=-0.1), "share from 0 to 1"),
        (replace(TWO, ratio=NAN), "share from 0 to 1, not nan"),
        (replace(TWO, ratio=1e-12), "a quota of 1e-12 is none"),
        (replace(TWO, demand=Demand(100.0, 0.0)), "demand: slope is 0: give a number above 0"),
        (replace(TWO, demand=Demand(100.0, -0.01)), "demand: slope is -0.01"),
        (replace(TWO, demand=Demand(NAN, 0.01)), "demand: highest_price is nan"),
        (replace(TWO, demand=Demand(INFINITE, 0.01)), "demand: highest_price is inf"),
        (
            replace(TWO, demand=Demand(100.0, 1e-200)),
            "demand: slope is 1e-200: give a number above",
        ),
        (replace(TWO, buy_out_price=1e300), "buy_out_price is 1e.300: numbers go to"),
        (replace(TWO, buy_out_price=0.0), "buy_out_price is 0"),
        (replace(TWO, producers=(THERMAL, THERMAL)), "'thermal' is there 2 times"),
        (replace(TWO, producers=(replace(THERMAL, name=" "),)), "has no name"),
        (
            replace(TWO, producers=(replace(THERMAL, fuel=Cost(0.0, 20.0, -0.001)),)),
            "thermal: fuel slope is -0.001: give a number from 0",
        ),
        (
            replace(TWO, producers=(replace(THERMAL, fuel=Cost(0.0, NAN)),)),
            "thermal: fuel per_mwh is nan",
        ),
        (
            replace(TWO, producers=(replace(WIND, least_mwh=2_000.0),)),
            "least_mwh 2000 is more than available_mwh 1500",
        ),
        (replace(TWO, producers=(replace(WIND, available_mwh=-1.0),)), "available_mwh is -1"),
        (replace(TWO, producers=(replace(WIND, fuel=Cost(1.0)),)), "give them as backup"),
        (replace(TWO, producers=(replace(THERMAL, backup=Cost(1.0)),)), "give them as fuel"),
        (
            replace(TWO, producers=(replace(THERMAL, withholds=Withholding.BOTH),)),
            "it can only withhold electricity",
        ),
        (
            replace(TWO, producers=(THERMAL, replace(WIND, least_mwh=1.0))),
            "thermal has no upper limit while another producer has a least output",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(system, complaint):
    with pytest.raises(QuotaError, match=complaint):
        competitive_equilibrium(system)


def test_a_ratio_that_is_asked_for_is_checked_as_well():
    for ratio in (-1e-3, 1.5, NAN):
        with pytest.raises(QuotaError, match="share from 0 to 1"):
            competitive_equilibrium(TWO, ratio)


def test_the_published_system_is_sound():
    check_system(published_system())


def test_toml_and_json_say_the_same(tmp_path: Path):
    toml, as_json = tmp_path / "island.toml", tmp_path / "island.json"
    toml.write_text(TOML, encoding="utf-8")
    system = read_system(toml)
    assert system == QuotaSystem(
        "island",
        (
            replace(THERMAL, name="gas"),
            replace(WIND, maintenance=Cost(10.5), withholds=Withholding.BOTH),
        ),
        DEMAND,
        0.2,
        90.0,
    )
    described = {
        "name": "island",
        "ratio": 0.2,
        "buy_out_price": 90,
        "demand": {"highest_price": 100, "slope": 0.01},
        "producers": [
            {"name": "gas", "kind": "thermal", "fuel": {"per_mwh": 20, "slope": 0.001}},
            {
                "name": "wind",
                "kind": "renewable",
                "available_mwh": 1500,
                "withholds": "both",
                "maintenance": {"fixed": 10.5},
            },
        ],
    }
    as_json.write_text(json.dumps(described), encoding="utf-8")
    assert read_system(as_json) == system


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("ratio = 0.2", "ratio = '0.2'"), "ratio is '0.2': give a number"),
        (("ratio = 0.2", "quota = 0.2"), "the system has no 'quota': it may have"),
        (("slope = 0.01\n", "\n"), "demand: slope is missing"),
        (('kind = "thermal"', 'kind = "nuclear"'), "gas: kind is 'nuclear': give one of thermal"),
        (('withholds = "both"', "withholds = true"), "wind: withholds is True: give one of"),
        (("per_mwh = 20", "per_mwh = nan"), "gas: fuel per_mwh is nan: give a finite number"),
        (("fixed = 10.5", "fixd = 10.5"), "wind: maintenance has no 'fixd'"),
        (("[[producers]]", "[producers]"), "is not valid TOML"),
        (("ratio = 0.2", "ratio = = 0.2"), "is not valid TOML"),
    ],
)
def test_a_bad_file_says_where_it_is_wrong(tmp_path: Path, change, complaint):
    assert change[0] in TOML
    path = tmp_path / "bad.toml"
    path.write_text(TOML.replace(*change), encoding="utf-8")
    with pytest.raises(QuotaError, match=complaint) as refused:
        read_system(path)
    assert str(path) in str(refused.value)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path):
    with pytest.raises(QuotaError, match=r"cannot read .*nowhere\.toml"):
        read_system(tmp_path / "nowhere.toml")
    (tmp_path / "system.yaml").write_text("ratio: 0.2", encoding="utf-8")
    with pytest.raises(QuotaError, match=r"name a file that ends in \.toml or \.json"):
        read_system(tmp_path / "system.yaml")
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(QuotaError, match=r"deep\.json"):
        read_system(tmp_path / "deep.json")
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    with pytest.raises(QuotaError, match="the system is no table"):
        read_system(tmp_path / "list.json")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(QuotaError, match="not UTF-8"):
        read_system(tmp_path / "latin.toml")


def test_a_renewable_may_have_any_cost_but_fuel():
    found = competitive_equilibrium(replace(TWO, producers=(THERMAL, RENEWABLE)))
    moved = replace(RENEWABLE, maintenance=Cost(), backup=RENEWABLE.maintenance)
    assert competitive_equilibrium(replace(TWO, producers=(THERMAL, moved))).output == (
        pytest.approx(found.output)
    )
