from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from twin.batch import (
    Arrays,
    BatchError,
    ChunkTask,
    InProcessExecutor,
    PoolExecutor,
    run_batch,
    run_chunk,
)
from twin.ev_fleet.published import published_fleet
from twin.scenarios import BLOCK, blocks_of

DAYS = "twin.ev_fleet.batch_study:uncontrolled_days"


def arguments() -> dict[str, object]:
    fleet = published_fleet(1, 5)
    return {
        "vehicles": fleet.vehicles,
        "habits": fleet.habits,
        "horizon": fleet.horizon,
        "signal": fleet.signal,
    }


class BackwardsExecutor:
    """A queue whose workers take the last task first and pass tasks as bytes."""

    def map(self, tasks: Sequence[ChunkTask]) -> Iterable[Arrays]:
        done = [run_chunk(pickle.loads(pickle.dumps(task))) for task in reversed(tasks)]
        return reversed(done)


def same(one: Arrays, other: Arrays) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def test_the_same_seed_gives_the_same_numbers_whoever_computes():
    reference = run_batch(DAYS, arguments(), 300, seed=7)
    assert reference["feeder_w"].shape == (300, 96)
    for executor in (InProcessExecutor(), PoolExecutor(2), BackwardsExecutor()):
        assert same(reference, run_batch(DAYS, arguments(), 300, 7, executor, 2))


@pytest.mark.parametrize("blocks_per_chunk", [1, 3, 100])
def test_the_size_of_chunks_changes_no_number(blocks_per_chunk: int):
    reference = run_batch(DAYS, arguments(), 5 * BLOCK + 3, seed=7)
    again = run_batch(DAYS, arguments(), 5 * BLOCK + 3, 7, None, blocks_per_chunk)
    assert same(reference, again)


def test_another_seed_gives_other_numbers_and_no_block_repeats_another():
    one = run_batch(DAYS, arguments(), 2 * BLOCK, seed=7)["feeder_w"]
    other = run_batch(DAYS, arguments(), 2 * BLOCK, seed=8)["feeder_w"]
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[:BLOCK], one[BLOCK:])


def test_a_block_draws_what_numpy_gives_the_spawned_child():
    child = np.random.SeedSequence(7).spawn(3)[2]
    block = blocks_of(3 * BLOCK)[2]
    assert block.generator(7).random() == np.random.default_rng(child).random()


@pytest.mark.parametrize("reference", ["os:system", "json:dumps", "nowhere:f", "twin.batch:x", "x"])
def test_a_queue_can_call_nothing_that_is_not_marked(reference: str):
    with pytest.raises(BatchError):
        run_chunk(ChunkTask(reference, 1, blocks_of(1), {}))
    with pytest.raises(BatchError):
        run_batch(reference, {}, 1, 1)


def test_empty_batches_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        run_batch(DAYS, arguments(), 0, 1)
