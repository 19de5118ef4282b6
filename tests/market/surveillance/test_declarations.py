from __future__ import annotations

import json

import pytest

from market.surveillance import DeclarationError, read_costs, read_groups
from tests.market.surveillance.rounds import ADA, BOB

TOML = f"""
[[cost]]
account = "{ADA.lower()}"
name = "Ridge Wind"
technology = "wind"
maintenance = 0.008
depreciation = "0.021"
backup = 0.0005

[[cost]]
account = "{BOB}"
marginal = 0.041
slope = 0.000002
market = 3
carrier = 1
"""


def refused(content, name="costs.toml", read=read_costs):
    with pytest.raises(DeclarationError) as raised:
        read(name, content.encode() if isinstance(content, str) else content)
    said = str(raised.value)
    assert said.isprintable()
    return said


def a_cost(**fields):
    return json.dumps({"cost": [{"account": ADA, **fields}]})


def test_costs_are_read_exactly_and_parts_are_summed():
    costs = read_costs("costs.toml", TOML.encode())
    wind = costs.of(ADA, 1, 0, tokenised=False)
    assert wind is not None
    assert (wind.base, wind.slope, wind.technology) == (29_500_000, 0, "wind")
    assert dict(wind.parts) == {
        "maintenance": 8_000_000,
        "depreciation": 21_000_000,
        "backup": 500_000,
    }
    coal = costs.of(BOB, 3, 1, tokenised=False)
    assert coal is not None
    assert (coal.base, coal.slope) == (41_000_000, 2_000)
    assert coal.marginal(3_000_000) == 41_006_000
    assert costs.of(BOB, 3, 0, tokenised=False) is None
    assert costs.of(BOB, 1, 1, tokenised=False) is None
    assert costs.names == {ADA: "Ridge Wind"}


def test_toml_json_and_csv_say_the_same():
    rows = [
        {"account": ADA, "name": "Ada", "fuel": "0.03", "slope": "0.5"},
        {"account": BOB, "name": "Bob", "fuel": "0.125", "slope": ""},
    ]
    csv = "account,name,fuel,slope\n" + "".join(",".join(row.values()) + "\n" for row in rows)
    listed = [{k: v for k, v in row.items() if v} for row in rows]
    toml = "".join(
        "[[cost]]\n" + "".join(f'{k} = "{v}"\n' for k, v in row.items()) for row in listed
    )
    from_csv = read_costs("costs.csv", csv.encode())
    assert from_csv == read_costs("costs.json", json.dumps(listed).encode())
    assert from_csv == read_costs("costs.toml", toml.encode())
    assert [curve.base for curve in from_csv.curves] == [30_000_000, 125_000_000]


def test_a_cost_without_a_market_says_nothing_of_tokens():
    costs = read_costs("c.json", a_cost(marginal=1).encode())
    assert costs.of(ADA, 1, 0, tokenised=True) is None
    costs = read_costs("c.json", a_cost(marginal=1, market=2).encode())
    assert costs.of(ADA, 2, 0, tokenised=True) is not None


@pytest.mark.parametrize("value", ['"NaN"', '"Infinity"', "NaN", "-Infinity", '"1e9999"', "true"])
def test_what_is_no_finite_number_is_refused(value):
    said = refused(a_cost(marginal=0).replace('"marginal": 0', f'"marginal": {value}'), "c.json")
    assert "number" in said or "at most" in said


def test_toml_may_not_hold_nan_or_infinity():
    assert "finite" in refused(f'[[cost]]\naccount = "{ADA}"\nmarginal = nan\n')
    assert "finite" in refused(f'[[cost]]\naccount = "{ADA}"\nmarginal = inf\n')


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"marginal": -0.1}, "must not be negative"),
        ({"marginal": "0.0000000001"}, "more than 9 digits"),
        ({"marginal": 10**12}, "at most"),
        ({"marginal": 0.1, "fuel": 0.1}, "either marginal or"),
        ({}, "either marginal or"),
        ({"marginal": 0.1, "market": -1}, "whole number"),
        ({"marginal": 0.1, "carrier": 0.5}, "whole number"),
        ({"marginal": 0.1, "colour": "red"}, "no field 'colour'"),
        ({"marginal": 0.1, "account": "0x12"}, "is no account"),
        ({"marginal": 0.1, "account": None}, "is no account"),
        ({"marginal": 0.1, "name": "x" * 500}, "1 to 200"),
        ({"marginal": {"a": 1}}, "finite decimal number"),
        ({"marginal": 0.1, "name": "\x1b[2J"}, "printable characters"),
        ({"marginal": 0.1, "technology": "wind\u202edniw"}, "printable characters"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_row(fields, says):
    said = refused(a_cost(**fields), "c.json")
    assert says in said
    assert said.startswith("c.json, cost 1:")


def test_a_field_with_control_characters_is_named_without_them():
    said = refused(json.dumps([{"account": "\x1b[2J\x07evil", "marginal": 1}]), "c.json")
    assert "\\x1b" in said
    said = refused('{"\\u001b[31mx": []}', "c.json")
    assert "\\x1b" in said
    said = refused(json.dumps([{"account": ADA, "\x1b[2J": 1}]), "c.json")
    assert "\\x1b" in said


def test_one_place_has_one_cost():
    twice = json.dumps([{"account": ADA, "marginal": 1}, {"account": ADA.lower(), "marginal": 2}])
    assert "a second time" in refused(twice, "c.json")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.toml", "[[cost"),
        ("c.json", "{"),
        ("c.json", "[" * 100_000),
        ("c.json", '{"other": []}'),
        ("c.json", "3"),
        ("c.json", "[3]"),
        ("c.txt", "x"),
        ("c.csv", "account,marginal\n1\n"),
        ("c.csv", "account,marginal\n1,2,3\n"),
        ("c.csv", 'account,marginal\n"1,2\n'),
        ("c.toml", b"\xff\xfe"),
    ],
)
def test_files_that_cannot_be_read_are_refused_by_name(name, content):
    assert refused(content, name).startswith(name)


def test_groups_are_read_from_lists_and_from_lines():
    as_list = read_groups("g.json", json.dumps([{"name": "us", "accounts": [BOB, ADA]}]).encode())
    as_lines = read_groups("g.csv", f"name,account\nus,{ADA}\nus,{BOB.lower()}\n".encode())
    assert as_list == as_lines
    assert as_list[0].accounts == (ADA, BOB)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"name": "us", "accounts": [ADA, ADA]}, "already"),
        ({"name": "us", "accounts": ADA}, "must be a list"),
        ({"name": "us"}, "either account or accounts"),
        ({"accounts": [ADA]}, "name must be text"),
        ({"name": "0xABC", "accounts": [ADA]}, "look like an account"),
    ],
)
def test_groups_that_do_not_fit_are_refused(row, says):
    assert says in refused(json.dumps([row]), "g.json", read_groups)
