"""Customers vote from their phones; the building's manager reads counts."""

from __future__ import annotations

import pytest
from sqlmodel import col, select

from wattproof.comfort import service
from wattproof.comfort.models import CastVoteRow

ADA, BOB = "0a" * 16, "0b" * 16


@pytest.fixture
def venue(wallet):
    answer = wallet.post(
        "/comfort/venues", json={"name": "Harbour Mall", "zones": ["atrium", "shops"]}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def _vote(client, venue, zone=0, sensation=1, voter=ADA):
    return client.post(
        f"/vote/{venue['link']}", json={"zone": zone, "sensation": sensation, "voter": voter}
    )


def _counts(wallet, platform, venue):
    hour = platform.clock.now() // service.HOUR_S
    answer = wallet.get(
        f"/comfort/venues/{venue['id']}/votes", params={"since": hour - 1, "until": hour + 2}
    )
    assert answer.status_code == 200, answer.text
    return {item["zone"]: item["counts"] for item in answer.json()["items"]}


def test_votes_are_counted_by_zone_and_sensation(client, wallet, platform, venue):
    assert _vote(client, venue, zone=0, sensation=2, voter=ADA).status_code == 204
    assert _vote(client, venue, zone=0, sensation=-1, voter=BOB).status_code == 204
    assert _vote(client, venue, zone=1, sensation=0, voter=BOB).status_code == 204
    assert _counts(wallet, platform, venue) == {
        "atrium": [0, 0, 1, 0, 0, 1, 0],
        "shops": [0, 0, 0, 1, 0, 0, 0],
    }


def test_a_phone_that_votes_again_in_the_hour_changes_its_vote(client, wallet, platform, venue):
    for sensation in (-3, 3, 1):
        assert _vote(client, venue, sensation=sensation).status_code == 204
    assert _counts(wallet, platform, venue) == {"atrium": [0, 0, 0, 0, 1, 0, 0]}


def test_what_is_kept_of_a_voter_changes_from_venue_to_venue(client, wallet, platform, venue):
    other = wallet.post("/comfort/venues", json={"name": "Other", "zones": ["hall"]}).json()
    _vote(client, venue)
    _vote(client, other)
    with platform.transaction() as session:
        rows = session.exec(
            select(CastVoteRow).where(col(CastVoteRow.venue).in_([venue["id"], other["id"]]))
        ).all()
    kept = {row.voter for row in rows}
    assert len(kept) == 2
    assert ADA not in kept


def test_a_renewed_link_replaces_the_old_one(client, wallet, venue):
    renewed = wallet.post(f"/comfort/venues/{venue['id']}/link").json()
    assert _vote(client, venue).status_code == 404
    assert _vote(client, renewed).status_code == 204


def test_nobody_reads_or_renews_somebody_elses_venue(new_wallet, venue):
    stranger = new_wallet()
    query = {"since": 0, "until": 1}
    assert stranger.get(f"/comfort/venues/{venue['id']}/votes", params=query).status_code == 404
    assert stranger.post(f"/comfort/venues/{venue['id']}/link").status_code == 404
    assert stranger.get("/comfort/venues").json() == {"items": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"zone": 2, "sensation": 0, "voter": ADA}, "zones 0 to 1"),
        ({"zone": 0, "sensation": 4, "voter": ADA}, "less than or equal to 3"),
        ({"zone": 0, "sensation": 0.5, "voter": ADA}, "integer"),
        ({"zone": 0, "sensation": 0, "voter": "ada@example.org"}, "pattern"),
        ({"zone": 0, "sensation": 0, "voter": ADA, "weight": 100}, "Extra inputs"),
    ],
)
def test_a_vote_that_makes_no_sense_is_refused_with_its_reason(client, venue, body, said):
    answer = client.post(f"/vote/{venue['link']}", json=body)
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.parametrize("zones", [[], ["a", "a"], ["x"] * 65, [""]])
def test_a_venue_needs_zones_that_can_be_told_apart(wallet, zones):
    assert wallet.post("/comfort/venues", json={"name": "M", "zones": zones}).status_code == 422


def test_a_crowd_of_made_up_phones_is_bounded_by_the_hour(client, venue, monkeypatch):
    monkeypatch.setattr(service, "VOTES_AN_HOUR_MAX", 3)
    answers = [_vote(client, venue, voter=f"{n:032x}").status_code for n in range(5)]
    assert answers == [204, 204, 204, 409, 409]
    # Who has voted may still change their mind.
    assert _vote(client, venue, sensation=-2, voter=f"{0:032x}").status_code == 204


def test_the_voting_page_needs_nothing_from_elsewhere(client, venue):
    for path in (f"/vote/{venue['link']}", "/vote/page.js", "/vote/page.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "//" not in answer.text.replace("// The phone", "")
    assert client.get(f"/vote/{venue['link']}/ballot").json() == {
        "name": "Harbour Mall",
        "zones": ["atrium", "shops"],
    }
