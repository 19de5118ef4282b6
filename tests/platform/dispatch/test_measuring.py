"""After delivery the meter is compared with the instruction and the twin learns from it."""

from __future__ import annotations

import json

import pytest
from eth_account import Account

from wattproof.dispatch import measuring
from wattproof.dispatch.lifecycle import State
from wattproof.dispatch.record import document, steps_of
from wattproof.errors import InvalidError, RefusedError
from wattproof.meters import service as meters
from wattproof.rounds.facts import get_market
from wattproof.tasks.flow import run_until_idle

DEVICE = Account.create()


def _observed(centre, **changes):
    stays = centre.inputs()["stays"]
    stays["arrival_s"][0] += 3_600.0
    gained = [12_000.0, 0.0, 0.0]
    return {
        "stays": stays,
        "came": [True, False, False],
        "final_energy_wh": [20_000.0 + each for each in gained],
    } | changes


def _meter(centre, values):
    """Register the participant's device, let the day pass, and have its readings final."""
    platform = centre.platform
    with platform.transaction() as session:
        meters.register_device(
            platform,
            session,
            device=DEVICE.address,
            market=centre.market,
            account=str(centre.participant.address),
            carrier=0,
            capacity_w=50_000,
        )
        market = get_market(session, centre.market)
    run_until_idle(platform)
    centre.move_to(meters.period_end(market, centre.day) + 10)
    readings = meters.Readings(DEVICE.address, centre.market, centre.day, tuple(values))
    with platform.transaction() as session:
        meters.post_readings(
            platform, session, readings, readings.sign(meters.domain(platform), DEVICE.key)
        )
    run_until_idle(platform)


def _final(centre):
    centre.move_to(centre.now() + meters.DISPUTE_WINDOW_S + 10)
    run_until_idle(centre.platform)


def _measure(centre, number, observed):
    outcome = measuring.measure(centre.platform, number, centre.standing(number).version, observed)
    with centre.platform.transaction() as session:
        return measuring.close(
            centre.platform, session, str(centre.dispatcher.address), outcome
        ).standing


def test_the_meter_is_compared_with_the_instruction_and_the_twin_learns(centre):
    number = centre.acknowledged()
    planned = centre.plan(number).lines["ada"]
    metered = [power // 4 + (100 if slot == 50 else 0) for slot, power in enumerate(planned)]
    _meter(centre, metered)
    _final(centre)
    standing = _measure(centre, number, _observed(centre))
    assert standing.state is State.MEASURED
    with centre.platform.transaction() as session:
        said = steps_of(session, number)[-1].content()
        corrected = json.loads(document(session, said["inputs"]))
    assert said["metered"]["ada"] == metered
    assert said["deviationWh"]["ada"][50] == pytest.approx(100, abs=1)
    assert all(abs(wh) <= 1 for slot, wh in enumerate(said["deviationWh"]["ada"]) if slot != 50)
    # Ada came an hour late: after five days seen, her usual arrival moves by a sixth of it.
    before = centre.inputs()["habits"]["arrival_s"][0]
    late = _observed(centre)["stays"]["arrival_s"][0]
    learnt = corrected["habits"]["arrival_s"]
    assert learnt[0] == pytest.approx(before + (late - before) / 6)
    assert learnt[1] == before
    drawn = sum(metered)
    seen = corrected["vehicles"]["charge_efficiency"][0]
    assert seen == pytest.approx(0.92 + 0.1 * (12_000 / drawn - 0.92))
    assert corrected["days_closed"] == 1
    assert centre.standing(number).state is State.MEASURED


def test_the_learnt_inputs_make_the_next_plan(centre):
    number = centre.acknowledged()
    _meter(centre, [power // 4 for power in centre.plan(number).lines["ada"]])
    _final(centre)
    _measure(centre, number, _observed(centre))
    with centre.platform.transaction() as session:
        digest = steps_of(session, number)[-1].content()["inputs"]
        inputs = json.loads(document(session, digest))
    centre.day += 4
    inputs["horizon"] = centre.inputs()["horizon"]
    following = centre.propose(inputs=inputs)
    assert centre.standing(following).state is State.PROPOSED
    assert "stays" not in inputs or inputs["stays"] is None


def test_readings_that_may_still_change_are_waited_for(centre):
    number = centre.acknowledged()
    with pytest.raises(RefusedError, match="no reading of carrier 0"):
        _measure(centre, number, {})
    _meter(centre, [0] * 96)
    with pytest.raises(RefusedError, match="not final before"):
        _measure(centre, number, {})
    _final(centre)
    assert _measure(centre, number, {}).state is State.MEASURED


def test_what_was_never_metered_is_recorded_as_unknown(centre):
    number = centre.acknowledged()
    centre.move_to((centre.day + 1) * 86_400 + meters.POST_WINDOW_S + 10)
    _measure(centre, number, _observed(centre))
    with centre.platform.transaction() as session:
        said = steps_of(session, number)[-1].content()
        corrected = json.loads(document(session, said["inputs"]))
    assert said["deviationWh"]["ada"] == [None] * 96
    assert corrected["habits"]["arrival_s"] == centre.inputs()["habits"]["arrival_s"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"came": [1, 0, 0]}, "observed.came"),
        ({"final_energy_wh": [1.0]}, "3 values a field"),
        ({"weather": "fine"}, "no field 'weather'"),
        ({"final_energy_wh": [float("nan")] * 3}, "finite"),
    ],
)
def test_an_observation_that_makes_no_sense_changes_nothing(centre, changes, said):
    number = centre.acknowledged()
    centre.move_to((centre.day + 1) * 86_400 + meters.POST_WINDOW_S + 10)
    with pytest.raises(InvalidError, match=said):
        _measure(centre, number, _observed(centre, **changes))
    assert centre.standing(number).state is State.ACKNOWLEDGED


def test_what_nobody_agreed_to_is_not_measured(centre):
    number = centre.propose()
    centre.approve(number)
    centre.send(number)
    with pytest.raises(RefusedError, match="not acknowledged"):
        _measure(centre, number, {})
