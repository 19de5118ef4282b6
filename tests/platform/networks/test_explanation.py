"""A cable that is full is named to whoever asks why the prices of its ends differ."""

from __future__ import annotations

from typing import Any

from market.explanation import explain_product
from tests.platform.networks.conftest import CABLE
from wattproof.explanations import service
from wattproof.explanations.service import Reader
from wattproof.tasks.flow import run_until_idle


def test_a_full_cable_is_named_in_the_explanation_of_its_prices(linked: Any) -> None:
    number = linked.open_round()
    linked.trade(number)
    linked.hand_in(number)
    linked.desk.move_to(linked.desk.now() + 101)
    platform = linked.desk.platform
    run_until_idle(platform)
    nobody = Reader(None, sees_all=False)
    with platform.transaction() as session:
        cleared = service.public_round(platform, session, linked.market, number, nobody)
    said = explain_product(cleared, service.product_index(cleared, "0/1/0"))
    (limit,) = said.binding
    assert limit.description == f"link {CABLE.name} forward"
    assert limit.units == CABLE.capacity_w // 4
    assert limit.rent_micro > 0
    assert "At its limit: link cable forward, 4.75 kWh here." in " ".join(said.sentences)
