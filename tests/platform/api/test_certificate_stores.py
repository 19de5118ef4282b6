"""Certificates that go into a store with the energy and come out less its losses, over REST."""

from __future__ import annotations

import pytest
from eth_account import Account

from devnet import accounts
from tests.platform.green_power import WIND, WINDY, ZONE, green_on, set_up
from tests.platform.signing import send
from wattproof.tasks.flow import run_until_idle

CAPACITY_WH = 100_000
STORING = (8_000, 0, -4_000, None)
"""A day of the store, Wh a slot."""
# 8,000 Wh charged at 90 % fill the full store beyond its capacity, and 4 % of it goes out again.
GREEN_WH = 7_200 * CAPACITY_WH // (CAPACITY_WH + 7_200)
OUT_WH = GREEN_WH * 4_000 // CAPACITY_WH


@pytest.fixture(scope="module")
def green(platform):
    people = green_on(platform, (Account.create(), Account.create()))
    set_up(people)
    return people


@pytest.fixture(scope="module")
def wind(green, new_wallet):
    return new_wallet(bytes(green.wind.key))


@pytest.fixture(scope="module")
def owner(green, new_wallet):
    """Whose meter is the store's."""
    return new_wallet(bytes(green.works.key))


@pytest.fixture(scope="module")
def day(green, wind, owner, new_wallet, platform):
    """A day on which the store charged while the wind blew; its owner holds the certificates."""
    registrar = new_wallet(bytes(accounts.account(accounts.ISSUER).key))
    period = green.certify()
    send(
        registrar,
        platform,
        "/certificates/devices",
        kind="store",
        device=green.works_meter.address,
        zone=ZONE,
        efficiency_bp=9_000,
        capacity_wh=CAPACITY_WH,
        from_period=period,
    )
    green.live_through(period, works=STORING)
    early = owner.get(_place(green, "charges/suggestion"), params={"period": period})
    assert (early.status_code, early.json()["code"]) == (409, "reading_not_final")
    green.make_final(period)
    run_until_idle(platform)
    batches = [green.batch(period, slot) for slot in (0, 1)]
    amounts = [{"batch": str(b), "amount_wh": -wh} for b, wh in zip(batches, WINDY, strict=False)]
    send(wind, platform, "/certificates/transfers", to=owner.address, certificates=amounts)
    return period


def _place(green, what):
    return f"/certificates/devices/{green.works_meter.address}/{what}"


def test_what_fits_a_charge_is_suggested_and_comes_out_less_the_losses(
    green, owner, wind, day, platform, client
):
    asked = {"period": day}
    charges = owner.get(_place(green, "charges/suggestion"), params=asked).json()["charges"]
    batch = str(green.batch(day, 0))
    assert charges == [{"slot": 0, "batch": batch, "amount_wh": 8_000}]
    foreign = wind.get(_place(green, "charges/suggestion"), params=asked)
    assert foreign.status_code == 404

    def answer(wallet, period, *given):
        return wallet.post(
            _place(green, "accounts"), json={"period": period, "charges": list(given)}
        )

    for given, what in (
        ({"slot": 0, "batch": batch, "amount_wh": 8_001}, "give fewer certificates for it"),
        ({"slot": 2, "batch": batch, "amount_wh": 1}, "give fewer certificates for it"),
        (
            {"slot": 0, "batch": str(green.batch(day, 1)), "amount_wh": 1},
            "its interval must begin in the slot",
        ),
    ):
        refused = answer(owner, day, given)
        assert (refused.status_code, refused.json()["code"]) == (409, "bad_charges")
        assert what in refused.json()["detail"]
    assert (answer(wind, day).status_code, answer(wind, day).json()["code"]) == (403, "not_yours")

    send(owner, platform, _place(green, "accounts"), period=day, charges=charges)
    again = answer(owner, day)
    assert (again.status_code, again.json()["code"]) == (409, "out_of_order")

    (device,) = client.get("/certificates/devices", params={"account": owner.address}).json()[
        "items"
    ]
    assert (device["kind"], device["technology"]) == ("store", 0)
    store = client.get(f"/certificates/devices/{device['device']}").json()["store"]
    missing_wh = 40_000 * 6 * 9 // 10  # no value counts as a charge without certificates
    green_wh = (GREEN_WH - OUT_WH) * CAPACITY_WH // (CAPACITY_WH - 4_000 + missing_wh)
    assert store == {
        "capacity_wh": CAPACITY_WH,
        "energy_wh": CAPACITY_WH,
        "next_period": day + 1,
        "green_wh": {str(WIND): green_wh},
    }

    (stored,) = client.get(_place(green, "charges")).json()["items"]
    assert (stored["period"], stored["slot"], stored["batch"]) == (day, 0, batch)
    out = client.get("/certificates/batches", params={"device": device["device"]}).json()["items"]
    assert [each["issued_wh"] for each in out] == [OUT_WH]
    trail = client.get(f"/certificates/batches/{out[0]['batch']}/provenance").json()
    assert (trail["reading"]["value_wh"], trail["batch"]["technology"]) == (-4_000, WIND)
    assert client.get(trail["also_from"]).json()["items"] == [stored]


def test_a_producer_is_no_store(green, wind, day):
    place = f"/certificates/devices/{green.wind_meter.address}"
    asked = wind.get(f"{place}/charges/suggestion", params={"period": day})
    assert "is no store" in asked.json()["detail"]
    refused = wind.post(f"{place}/accounts", json={"period": day, "charges": []})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_certified")
