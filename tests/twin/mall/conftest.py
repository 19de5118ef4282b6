from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from twin.mall.model import MallModel, MallSamples
from twin.mall.plan import MallPlan, Strategy
from twin.mall.published import PublishedMall, published_mall
from twin.mall.twin import MallTwin


@cache
def _published() -> PublishedMall:
    return published_mall()


@cache
def _model() -> MallModel:
    return MallTwin().construct(_published().site)


@cache
def _samples() -> MallSamples:
    return MallTwin().sample(_model(), np.random.default_rng(0), 60)


@cache
def _plan(strategy: Strategy) -> MallPlan:
    return MallTwin(strategy).decide(_model(), _samples(), _published().signal)


@pytest.fixture
def published() -> PublishedMall:
    return _published()


@pytest.fixture
def model() -> MallModel:
    return _model()


@pytest.fixture
def samples() -> MallSamples:
    return _samples()


@pytest.fixture
def shifting() -> MallPlan:
    return _plan(Strategy.LOAD_SHIFTING)


@pytest.fixture
def reduction() -> MallPlan:
    return _plan(Strategy.LOAD_REDUCTION)
