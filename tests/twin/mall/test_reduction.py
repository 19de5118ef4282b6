from __future__ import annotations

import pytest

from twin.mall.model import MallModel, MallSamples
from twin.mall.published import PublishedMall
from twin.mall.reduction import explore_set_points, greatest_response


def test_a_warmer_set_point_gives_more_response_and_less_comfort(
    published: PublishedMall, model: MallModel, samples: MallSamples
) -> None:
    studies = explore_set_points(model, samples, published.signal, (0.0, 1.0, 2.0, 3.0))
    responses = [study.peak_response_wh for study in studies]
    assert responses == sorted(responses)
    assert responses[0] == pytest.approx(0.0)
    assert [study.dissatisfied for study in studies] == sorted(
        study.dissatisfied for study in studies
    )
    assert [study.cost for study in studies] == sorted(
        (study.cost for study in studies), reverse=True
    )


def test_a_set_point_that_loses_on_both_counts_is_not_among_the_best(
    published: PublishedMall, model: MallModel, samples: MallSamples
) -> None:
    """Far below today's, customers are cold and the peak is higher: nothing speaks for it."""
    studies = explore_set_points(model, samples, published.signal, (-4.0, 0.0, 1.0))
    assert [study.best for study in studies] == [False, True, True]


def test_the_chosen_set_point_keeps_comfort_in_the_stated_share(
    published: PublishedMall, model: MallModel, samples: MallSamples
) -> None:
    studies = explore_set_points(model, samples, published.signal)
    chosen = greatest_response(studies, 0.9)
    assert chosen.kept >= 0.9
    assert all(
        other.kept < 0.9 for other in studies if other.peak_response_wh > chosen.peak_response_wh
    )


def test_where_nothing_keeps_comfort_the_least_bad_is_chosen(
    published: PublishedMall, model: MallModel, samples: MallSamples
) -> None:
    studies = explore_set_points(model, samples, published.signal, (3.0, 4.0))
    assert greatest_response(studies, 0.9).offset_k == 3.0


def test_exploring_no_set_point_is_refused(
    published: PublishedMall, model: MallModel, samples: MallSamples
) -> None:
    with pytest.raises(ValueError, match="no set point"):
        explore_set_points(model, samples, published.signal, ())
