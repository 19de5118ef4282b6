from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.explanation import ProductNames
from market.explanation.wording import energy, money, price, units
from market.product import Product, ProductError, ProductGrid

DAY = 20_000
GRID = ProductGrid(carriers=2, zones=2, first_slot=DAY * 96 + 30, slots=10)
NAMES = ProductNames(("electricity", "heat"), ("north", "south"), 900, 96)
EIGHT_THIRTY = Product(0, 0, DAY * 96 + 34).id


@pytest.mark.parametrize(
    "text", ["electricity/north/34", "0/0/34", f"electricity/0/{DAY * 96 + 34}", str(EIGHT_THIRTY)]
)
def test_a_product_is_found_by_names_numbers_or_its_own_number(text):
    assert NAMES.find(text, GRID) == EIGHT_THIRTY


def test_every_product_is_found_by_the_path_it_is_written_as():
    for index in range(len(GRID)):
        product = GRID.product_id(index)
        assert NAMES.find(NAMES.path(product), GRID) == product


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gas/north/34", "no carrier 'gas'; there are electricity, heat"),
        ("heat/west/34", "no zone 'west'; there are north, south"),
        ("heat/2/34", "no zone '2'"),
        ("heat/north/3", "trades electricity, heat / north, south / slots 30 to 39, such as elec"),
        ("heat/north/noon", "slot 'noon' is no number"),
        ("heat/north", "write carrier/zone/slot"),
        ("7", "product 7 is not traded"),
        ("", "names no product"),
        ("heat/north/" + "9" * 30, "is no number"),
        ("٣/north/34", "no carrier"),
    ],
)
def test_a_product_that_is_not_there_is_answered_with_those_that_are(text, said):
    with pytest.raises(ProductError, match=said):
        NAMES.find(text, GRID)


@given(st.text() | st.from_regex(r"[a-z0-9]{0,12}/[a-z0-9]{0,6}/[0-9]{0,12}", fullmatch=True))
def test_any_text_names_a_product_of_the_round_or_is_refused(text):
    try:
        found = NAMES.find(text, GRID)
    except ProductError:
        return
    assert found in GRID


def test_a_product_is_said_with_its_delivery_time():
    assert NAMES.label(EIGHT_THIRTY) == "electricity in north, 2024-10-04 08:30-08:45 UTC"
    last = Product(1, 1, DAY * 96 + 95).id
    assert NAMES.label(last) == "heat in south, 2024-10-04 23:45-00:00 UTC"
    tokens = ProductNames(("credits",), ("here",), 86_400, 1)
    assert tokens.label(Product(0, 0, DAY).id) == "credits in here, 2024-10-04"
    assert tokens.path(Product(0, 0, DAY).id) == "credits/here/0"


def test_what_has_no_name_goes_by_its_number():
    nameless = ProductNames((), (), 900, 96)
    assert nameless.label(EIGHT_THIRTY).startswith("carrier 0 in zone 0, ")
    assert nameless.find("0/0/34", GRID) == EIGHT_THIRTY


def test_amounts_are_written_exactly():
    assert [price(n) for n in (250_000_000, -1, 0, 10**9)] == ["0.25", "-0.000000001", "0", "1"]
    assert price(10**21 + 1) == "1,000,000,000,000.000000001"
    assert money(-1_500_000) == "-1.5"
    assert energy(1_234_567) == "1,234.567 kWh"
    assert [units(n) for n in (1, 2_000)] == ["1 unit", "2,000 units"]
