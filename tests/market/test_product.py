from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.product import Product, ProductError, ProductGrid

grids = st.builds(
    ProductGrid,
    carriers=st.integers(1, 4),
    zones=st.integers(1, 4),
    first_slot=st.integers(0, 2**32 - 10),
    slots=st.integers(1, 9),
)


@given(st.integers(0, 2**64 - 1))
def test_a_product_survives_its_number(product_id):
    assert Product.from_id(product_id).id == product_id


@given(grids)
def test_indices_number_the_products_by_carrier_zone_and_slot(grid):
    ids = [grid.product_id(index) for index in range(len(grid))]
    assert ids == sorted(ids)
    assert [grid.index(product) for product in ids] == list(range(len(grid)))


@given(grids, st.integers(0, 2**64 - 1))
def test_a_product_outside_the_grid_has_no_index(grid, product_id):
    if product_id not in grid:
        with pytest.raises(ProductError):
            grid.index(product_id)


@pytest.mark.parametrize("fields", [(-1, 0, 0), (2**16, 0, 0), (0, 2**16, 0), (0, 0, 2**32)])
def test_a_product_beyond_its_bits_is_refused(fields):
    with pytest.raises(ProductError):
        Product(*fields)


def test_a_grid_without_products_or_with_too_many_is_refused():
    for fields in ((0, 1, 0, 1), (1, 1, -1, 1), (256, 257, 0, 1)):
        with pytest.raises(ProductError):
            ProductGrid(*fields)
    with pytest.raises(ProductError):
        ProductGrid(1, 1, 0, 1).product_id(1)
    with pytest.raises(ProductError):
        Product.from_id(-1)
    assert "text" not in ProductGrid(1, 1, 0, 1)
