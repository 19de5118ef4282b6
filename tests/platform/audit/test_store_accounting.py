"""A store's certificates leave it in the proportion in which it was filled, less its losses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.reference.meters import MISSING
from wattproof.audit.certificates_state import Store

WIND, SOLAR = 1, 2
REACH_WH = 500


def _store(energy_wh: int = 0, efficiency_bp: int = 9_000, **green: int) -> Store:
    parts = {{"wind": WIND, "solar": SOLAR}[name]: wh for name, wh in green.items()}
    return Store(1_000, efficiency_bp, energy_wh, 20, parts)


def test_a_charge_is_stored_less_its_losses() -> None:
    store = _store()
    assert store.live([101], {0: [(WIND, 61), (SOLAR, 7)]}, REACH_WH) == {}
    assert (store.energy_wh, store.green_wh) == (90, {WIND: 54, SOLAR: 6})
    assert store.next_period == 21


def test_what_leaves_is_as_green_as_what_is_in_the_store() -> None:
    store = _store(100, wind=40, solar=20)
    assert store.live([-50], {}, REACH_WH) == {(0, WIND): 20, (0, SOLAR): 10}
    assert (store.energy_wh, store.green_wh) == (50, {WIND: 20, SOLAR: 10})


def test_sums_are_rounded_so_that_all_technologies_together_never_exceed_the_discharge() -> None:
    store = _store(3, wind=2, solar=1)
    assert store.live([-1, -1, -1], {}, REACH_WH) == {(0, SOLAR): 1, (1, WIND): 1, (2, WIND): 1}


def test_an_emptied_store_gives_all_that_is_green_and_no_more() -> None:
    store = _store(100, wind=33)
    assert store.live([-400, -400], {}, REACH_WH) == {(0, WIND): 33}
    assert (store.energy_wh, store.green_wh) == (0, {WIND: 0})


def test_an_overflow_dilutes_what_is_green() -> None:
    store = _store(900, efficiency_bp=10_000, wind=450)
    store.live([300], {}, REACH_WH)
    assert (store.energy_wh, store.green_wh) == (1_000, {WIND: 375})


def test_a_missing_value_is_a_charge_of_all_the_meter_could_take_and_of_nothing_green() -> None:
    hidden, shown = _store(100, wind=50), _store(100, wind=50)
    hidden.live([MISSING, -100], {0: [(WIND, 500)]}, REACH_WH)
    shown.live([REACH_WH, -100], {}, REACH_WH)
    assert (hidden.energy_wh, hidden.green_wh) == (shown.energy_wh, shown.green_wh)


slots = st.lists(
    st.tuples(
        st.one_of(st.just(MISSING), st.integers(-REACH_WH, REACH_WH)),
        st.integers(0, 100),
        st.integers(0, 100),
    ),
    max_size=12,
)


@given(slots, st.integers(1, 10_000))
def test_no_more_certificates_leave_than_were_given_and_than_was_discharged(
    days: list[tuple[int, int, int]], efficiency_bp: int
) -> None:
    store = _store(1_000, efficiency_bp)
    given_wh = 0
    for value, wind_percent, solar_percent in days:
        charged = max(0, value)
        wind = charged * wind_percent // 100
        solar = (charged - wind) * solar_percent // 100
        issued = store.live([value], {0: [(WIND, wind), (SOLAR, solar)]}, REACH_WH)
        discharged = -value if value != MISSING and value < 0 else 0
        assert sum(issued.values()) <= discharged
        given_wh += wind + solar - sum(issued.values())
        green_wh = sum(store.green_wh.values())
        assert green_wh <= given_wh
        assert 0 <= green_wh <= store.energy_wh <= store.capacity_wh
