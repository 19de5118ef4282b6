"""One interface for big batches, whoever computes them.

A batch function takes a generator, a number of scenarios and arguments that pickle, and returns
named arrays whose first axis is the scenario. It is named by reference (``module:function``) and
marked with :func:`batch_function`, so that a task can travel through any queue and a queue
can call nothing else. An executor maps :func:`run_chunk` over tasks: in this process, in a pool, or
in Celery workers elsewhere; the numbers are the same.
"""

from __future__ import annotations

import importlib
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from twin.scenarios import Block, blocks_of

Arrays = dict[str, NDArray[Any]]
FunctionT = TypeVar("FunctionT", bound=Callable[..., Arrays])

_MARK = "__batch_function__"


class BatchError(ValueError):
    """A function reference cannot be run, or its results do not fit together."""


def batch_function(function: FunctionT) -> FunctionT:
    """Mark a module-level function ``(rng, count, **arguments) -> arrays`` as runnable."""
    setattr(function, _MARK, True)
    return function


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """A part of a batch that one worker computes at once; it pickles."""

    function: str
    seed: int
    blocks: tuple[Block, ...]
    arguments: Mapping[str, Any]


class Executor(Protocol):
    """Runs :func:`run_chunk` on every task and yields the results in the order of the tasks."""

    def map(self, tasks: Sequence[ChunkTask]) -> Iterable[Arrays]: ...


class InProcessExecutor:
    """Computes one chunk after the other, here."""

    def map(self, tasks: Sequence[ChunkTask]) -> Iterable[Arrays]:
        return map(run_chunk, tasks)


class PoolExecutor:
    """Computes chunks in ``workers`` processes of this machine."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError("a pool has at least one worker")
        self._workers = workers

    def map(self, tasks: Sequence[ChunkTask]) -> Iterable[Arrays]:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self._workers, mp_context=context) as pool:
            yield from pool.map(run_chunk, tasks)


def run_chunk(task: ChunkTask) -> Arrays:
    """Compute a chunk: its blocks one by one, joined along the scenario axis."""
    function = _resolve(task.function)
    return _joined(
        [
            _checked(function(block.generator(task.seed), block.count, **task.arguments), block)
            for block in task.blocks
        ]
    )


def run_batch(
    function: str,
    arguments: Mapping[str, Any],
    scenarios: int,
    seed: int,
    executor: Executor | None = None,
    blocks_per_chunk: int = 4,
) -> Arrays:
    """Compute ``scenarios`` scenarios; neither executor nor chunk size changes a number.

    Raises BatchError where the reference names no batch function or arrays do not fit.
    """
    if blocks_per_chunk < 1:
        raise ValueError("a chunk holds at least one block")
    _resolve(function)
    blocks = blocks_of(scenarios)
    tasks = [
        ChunkTask(function, seed, blocks[first : first + blocks_per_chunk], dict(arguments))
        for first in range(0, len(blocks), blocks_per_chunk)
    ]
    return _joined(list((executor or InProcessExecutor()).map(tasks)))


def _resolve(reference: str) -> Callable[..., Arrays]:
    module_name, _, name = reference.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BatchError(f"{reference!r} names no function: {error}") from error
    if not getattr(found, _MARK, False):
        raise BatchError(f"{reference!r} is not marked with @batch_function")
    function: Callable[..., Arrays] = found
    return function


def _checked(arrays: Arrays, block: Block) -> Arrays:
    for name, values in arrays.items():
        if values.shape[:1] != (block.count,):
            raise BatchError(
                f"{name} has shape {values.shape}; its first axis must be the "
                f"{block.count} scenarios"
            )
    return arrays


def _joined(parts: list[Arrays]) -> Arrays:
    if any(part.keys() != parts[0].keys() for part in parts):
        raise BatchError("the blocks of a batch return different arrays")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
