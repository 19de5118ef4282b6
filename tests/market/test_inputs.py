from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from market.dispatch import InputsError, inputs_text
from market.inputs import read, to_json


class Mode(Enum):
    CALM = "calm"
    STORM = "storm"


@dataclass(frozen=True, slots=True)
class Tank:
    volume_wh: float
    leaks: bool = False
    ceiling_w: float = math.inf

    def __post_init__(self) -> None:
        if self.volume_wh < 0.0:
            raise ValueError("a tank holds something")


@dataclass(frozen=True, slots=True)
class Plant:
    start: datetime
    slots: int
    load_w: NDArray[np.float64]
    on: NDArray[np.bool_]
    tanks: tuple[Tank, ...]
    corner: tuple[float, float]
    mode: Mode
    note: str | None = None
    votes: Mapping[str, Mapping[int, float]] | None = None


PLANT = Plant(
    start=datetime(2026, 3, 2, tzinfo=UTC),
    slots=2,
    load_w=np.array([[1.5, 2.0], [3.0, -4.0]]),
    on=np.array([True, False]),
    tanks=(Tank(1.0), Tank(2.0, leaks=True, ceiling_w=5.0)),
    corner=(0.25, 1e-9),
    mode=Mode.STORM,
    votes={"atrium": {-2: 1.0, 3: 0.5}},
)


def raw() -> dict:
    return json.loads(inputs_text(to_json(PLANT)))


def test_what_is_written_is_read_back():
    again = read(Plant, raw())
    assert np.array_equal(again.load_w, PLANT.load_w)
    assert again.on.dtype == np.bool_
    assert to_json(again) == to_json(PLANT)
    assert again.tanks == PLANT.tanks
    assert again.votes == PLANT.votes
    assert (again.start, again.mode, again.corner) == (PLANT.start, PLANT.mode, PLANT.corner)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive_to_the_last_bit(values):
    plant = {**raw(), "load_w": json.loads(json.dumps(values))}
    assert read(Plant, plant).load_w.tolist() == values


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slots": True}, "inputs.slots must be int, not True"),
        ({"slots": 2.5}, "inputs.slots must be int, not 2.5"),
        ({"load_w": [1, "x"]}, r"inputs.load_w\[1\] must be a finite number, not 'x'"),
        ({"load_w": [1, math.nan]}, r"inputs.load_w\[1\] must be a finite number"),
        ({"load_w": [10**400]}, r"inputs.load_w\[0\] must be a finite number"),
        ({"load_w": 7}, "inputs.load_w must be a list"),
        ({"load_w": [[1, 2], [3]]}, "inputs.load_w is ragged"),
        ({"load_w": [[[[[1]]]]]}, "nested too deeply"),
        ({"on": [1]}, r"inputs.on\[0\] must be bool, not 1"),
        ({"tanks": [{"volume_wh": 1}, {}]}, r"inputs.tanks\[1\].volume_wh is missing"),
        ({"tanks": [{"volume_wh": -1}]}, r"inputs.tanks\[0\]: a tank holds something"),
        ({"tanks": [{"volume_wh": 1, "age": 3}]}, r"inputs.tanks\[0\] has no field 'age'"),
        ({"tanks": 3}, "inputs.tanks must be a list"),
        ({"corner": [1]}, "inputs.corner must have 2 values, not 1"),
        ({"mode": "fog"}, "inputs.mode is one of calm, storm, not 'fog'"),
        ({"start": "today"}, "inputs.start must be a moment"),
        ({"start": "2026-03-02T00:00:00"}, "has no time zone"),
        ({"votes": {"atrium": {"warm": 1}}}, "inputs.votes.atrium has the key 'warm'"),
        ({"votes": {"atrium": {"1": "x"}}}, "inputs.votes.atrium.1 must be a finite number"),
        ({"votes": []}, "inputs.votes must be an object"),
        ({"note": 4}, "inputs.note must be str, not 4"),
        ({"extra": 1}, "inputs has no field 'extra'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_path(change, said):
    with pytest.raises(InputsError, match=said):
        read(Plant, {**raw(), **change})


def test_inputs_that_are_no_object_are_refused():
    with pytest.raises(InputsError, match="inputs must be an object, not 3"):
        read(Plant, 3)


class Level(IntEnum):
    HOT_WATER = 3
    STEAM = 2


@dataclass(frozen=True, slots=True)
class Pipe:
    level: Level
    rates: Mapping[Level, float]


def test_members_that_are_numbers_go_by_their_names():
    pipe = Pipe(Level.STEAM, {Level.HOT_WATER: 0.5})
    assert to_json(pipe) == {"level": "steam", "rates": {"hot_water": 0.5}}
    assert read(Pipe, to_json(pipe)) == pipe
    with pytest.raises(InputsError, match=r"inputs\.level is one of hot_water, steam, not 2"):
        read(Pipe, {"level": 2, "rates": {}})
    with pytest.raises(InputsError, match=r"the key 'ice', which is none of hot_water, steam"):
        read(Pipe, {"level": "steam", "rates": {"ice": 1.0}})
