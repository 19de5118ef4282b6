"""What to surrender: never too much, never too new, as much as is owed where it can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wattproof.certificates.models import BatchRow
from wattproof.quotas.suggestion import choose

HOUR = 3_600
BEGINS = 1_000 * HOUR


def _batch(hour: int) -> BatchRow:
    return BatchRow(
        batch=hour + 1,
        device="",
        period=hour,
        slot=0,
        technology=1,
        zone=0,
        vintage=hour // 720,
        starts_at=hour * HOUR,
        ends_at=(hour + 1) * HOUR,
        issued_wh=10**9,
        retired_wh=0,
        expired_wh=0,
    )


HELD = st.lists(
    st.tuples(st.integers(900, 1_100), st.integers(1, 10_000)), unique_by=lambda each: each[0]
).map(lambda pairs: [(_batch(hour), wh) for hour, wh in sorted(pairs)])


@given(HELD, st.integers(0, 50_000), st.integers(0, 50_000))
def test_a_suggestion_keeps_every_limit_and_leaves_out_nothing_older_that_would_do(
    held: list[tuple[BatchRow, int]], lacking_wh: int, bank_left_wh: int
) -> None:
    bank_left_wh = min(bank_left_wh, lacking_wh)
    chosen = choose(held, starts_at=BEGINS, lacking_wh=lacking_wh, bank_left_wh=bank_left_wh)
    taken = {each.batch: each.amount_wh for each in chosen}
    by_batch = {row.batch: wh for row, wh in held}
    assert all(0 < wh <= by_batch[batch] for batch, wh in taken.items())
    assert sum(e.amount_wh for e in chosen if e.banked) <= bank_left_wh
    bankable = sum(wh for row, wh in held if row.starts_at < BEGINS)
    current = sum(wh for row, wh in held if row.starts_at >= BEGINS)
    assert sum(taken.values()) == min(lacking_wh, min(bankable, bank_left_wh) + current)
    for kind in (True, False):
        same = [row.batch for row, _ in held if (row.starts_at < BEGINS) is kind]
        used = [batch for batch in same if batch in taken]
        assert used == same[: len(used)]
        assert all(taken[batch] == by_batch[batch] for batch in used[:-1])


def test_banked_certificates_go_first_and_up_to_their_limit() -> None:
    held = [(_batch(998), 300), (_batch(999), 300), (_batch(1_000), 300), (_batch(1_001), 300)]
    chosen = choose(held, starts_at=BEGINS, lacking_wh=700, bank_left_wh=350)
    assert [(c.batch, c.amount_wh, c.banked) for c in chosen] == [
        (999, 300, True),
        (1_000, 50, True),
        (1_001, 300, False),
        (1_002, 50, False),
    ]
