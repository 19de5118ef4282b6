"""Rate limits, with a clock that stands still until it is moved."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

import httpx
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from tests.platform.serving import served
from wattproof.auth.rate_limits import MemoryBuckets, RateLimits, RedisBuckets
from wattproof.settings import Profile, Settings

REDIS = os.environ.get("WATTPROOF_TEST_REDIS", "redis://127.0.0.1:6379/0")
NOW = 2_000_000_000.0


def allowed(standing):
    return standing.allowed


def per_minute(standing):
    return standing.per_minute


class Clock:
    """Stands still."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "redis"])
def buckets(request):
    """Buckets of each kind."""
    if request.param == "memory":
        yield MemoryBuckets()
        return
    client = redis.Redis.from_url(REDIS, socket_timeout=3)
    try:
        client.ping()
    except redis.RedisError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"Redis does not answer at {REDIS}: {error}")
    prefix = f"wattproof-test-{uuid.uuid4().hex}:"
    yield RedisBuckets(client, prefix)
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)
    client.close()


@pytest.fixture
def limits(buckets, clock):
    return RateLimits(buckets, caller_per_minute=4, address_per_minute=2, now=clock)


def test_a_minutes_worth_may_come_at_once_and_no_more(limits):
    standings = [limits.caller("ada") for _ in range(5)]
    assert [standing.allowed for standing in standings] == [True] * 4 + [False]
    assert [standing.remaining for standing in standings] == [3, 2, 1, 0, 0]
    assert standings[3].reset_s == 60
    assert standings[4].retry_after_s == 15


def test_after_the_wait_that_was_named_one_more_is_allowed(limits, clock):
    for _ in range(4):
        limits.caller("ada")
    refused = limits.caller("ada")
    clock.now += refused.retry_after_s - 1
    assert not allowed(limits.caller("ada"))
    clock.now += 1
    assert allowed(limits.caller("ada"))
    assert not allowed(limits.caller("ada"))


def test_a_caller_that_waits_a_minute_has_all_of_it_again(limits, clock):
    for _ in range(9):
        limits.caller("ada")
    clock.now += 60
    assert [allowed(limits.caller("ada")) for _ in range(5)] == [True] * 4 + [False]


def test_nobody_spends_what_is_anothers(limits):
    for _ in range(5):
        limits.caller("ada")
    assert allowed(limits.caller("bob"))
    assert allowed(limits.address("ada"))


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unknown", "unknown", True),
    ],
)
def test_a_client_is_its_address_or_its_network_of_ipv6(clock, one, other, together):
    limits = RateLimits(MemoryBuckets(), address_per_minute=1, now=clock)
    assert allowed(limits.address(one))
    assert allowed(limits.address(other)) is not together


@given(waits=st.lists(st.integers(0, 30_000), max_size=60), rate=st.integers(1, 20))
def test_no_caller_gets_more_than_two_minutes_worth_in_a_minute(waits, rate):
    clock = Clock()
    limits = RateLimits(MemoryBuckets(), caller_per_minute=rate, now=clock)
    served_at = []
    for wait_ms in waits:
        clock.now += wait_ms / 1000
        if allowed(limits.caller("ada")):
            served_at.append(clock.now)
    for start in served_at:
        assert sum(start <= at < start + 60 for at in served_at) <= 2 * rate


def test_many_callers_that_are_gone_are_forgotten(clock):
    buckets = MemoryBuckets()
    limits = RateLimits(buckets, address_per_minute=1, now=clock)
    for number in range(10_001):
        limits.address(str(number))
    clock.now += 61
    limits.address("last")
    assert len(buckets._full_at) == 1


def test_without_redis_requests_are_let_through():
    nobody = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=1)
    limits = RateLimits(RedisBuckets(nobody, "x"), caller_per_minute=1)
    assert allowed(limits.caller("ada"))
    assert allowed(limits.caller("ada"))


def test_limits_are_on_in_the_scaled_profile_and_can_be_switched(tmp_path):
    services = {"database_url": "sqlite://", "rpc_url": "http://x", "keystore_dir": tmp_path}
    embedded = Settings(data_dir=tmp_path)
    scaled = Settings(profile=Profile.SCALED, redis_url="redis://127.0.0.1:1/0", **services)
    off = scaled.model_copy(update={"rate_limits": False})
    on = embedded.model_copy(update={"rate_limits": True, "rate_caller_per_minute": 7})
    assert RateLimits.of(embedded).caller("ada") is None
    assert per_minute(RateLimits.of(scaled).caller("ada")) == 1_200
    assert RateLimits.of(off).caller("ada") is None
    assert per_minute(RateLimits.of(on).caller("ada")) == 7


@pytest.fixture
def limited(platform, clock):
    """A client of a server with limits of four requests and two."""
    limits = RateLimits(MemoryBuckets(), caller_per_minute=4, address_per_minute=2, now=clock)
    with served(replace(platform, rate_limits=limits)) as url, httpx.Client(base_url=url) as opened:
        yield opened


def test_a_public_endpoint_refuses_the_address_that_asks_too_often(limited, clock):
    first, second, third = (limited.get("/markets") for _ in range(3))
    assert first.status_code == second.status_code == 200
    assert first.headers["RateLimit-Policy"] == '"address";q=2;w=60'
    assert first.headers["RateLimit"] == '"address";r=1;t=30'
    assert third.status_code == 429
    assert third.headers["Retry-After"] == "30"
    assert third.headers["RateLimit"] == '"address";r=0;t=60'
    assert third.headers["content-type"] == "application/problem+json"
    assert third.json()["code"] == "too_many_requests"
    clock.now += 30
    assert limited.get("/markets").status_code == 200


def test_a_signed_in_caller_has_a_limit_of_its_own(limited, new_wallet):
    bearer = {"Authorization": f"Bearer {new_wallet().token}"}
    other = {"Authorization": f"Bearer {new_wallet().token}"}
    answers = [limited.get("/auth/session", headers=bearer) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert answers[0].headers["RateLimit"] == '"caller";r=3;t=15'
    assert limited.get("/auth/session", headers=other).status_code == 200


def test_sessions_and_keys_of_one_principal_share_its_limit(limited, new_wallet):
    owner = new_wallet()
    body = {"name": "charger 17", "scopes": ["participant"]}
    made = owner.post("/auth/keys", json=body).json()
    for token in (owner.token, made["key"], owner.token, made["key"]):
        headers = {"Authorization": f"Bearer {token}"}
        assert limited.get("/auth/session", headers=headers).status_code == 200
    headers = {"Authorization": f"Bearer {owner.token}"}
    assert limited.get("/auth/session", headers=headers).status_code == 429


def test_guessing_tokens_counts_against_the_address(limited, wallet):
    guess = {"Authorization": "Bearer guess"}
    answers = [limited.get("/auth/session", headers=guess).status_code for _ in range(3)]
    assert answers == [401, 401, 429]
    bearer = {"Authorization": f"Bearer {wallet.token}"}
    assert limited.get("/auth/session", headers=bearer).status_code == 200


def test_without_limits_nothing_is_counted_and_no_header_sent(client):
    answers = [client.get("/markets") for _ in range(3)]
    assert all(answer.status_code == 200 for answer in answers)
    assert all("RateLimit" not in answer.headers for answer in answers)
