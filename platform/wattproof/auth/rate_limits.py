"""How many requests a caller may make: token buckets, in memory or shared over Redis.

The bucket is the generic cell rate algorithm: one number for each caller, the time at which its
bucket would be full again. A bucket holds a minute's requests and fills evenly, so a caller may
spend a minute's worth at once and then goes on at the steady rate.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, cast

from wattproof.errors import WattproofError
from wattproof.settings import Profile, Settings

if TYPE_CHECKING:
    from redis import Redis

WINDOW_S = 60
_WINDOW_US = WINDOW_S * 1_000_000
_TIMEOUT_S = 0.5
_PRUNE_ABOVE = 10_000
_log = logging.getLogger("wattproof.rate_limits")

# One step, so that processes that share Redis cannot both spend the last token.
_TAKE = """
local now, interval, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
if full_at + interval - now > window then return {0, full_at - now} end
full_at = full_at + interval
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
return {1, full_at - now}
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands after a request.

    Attributes:
        policy: which limit it was, ``caller`` or ``address``.
        allowed: whether the request is within it.
        per_minute: what the limit is.
        remaining: requests that could follow at once.
        retry_after_s: seconds until one is allowed; 0 where one is.
        reset_s: seconds until the whole minute's worth is there again.
    """

    policy: str
    allowed: bool
    per_minute: int
    remaining: int
    retry_after_s: int
    reset_s: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers)."""
        policy = f'"{self.policy}";q={self.per_minute};w={WINDOW_S}'
        left = f'"{self.policy}";r={self.remaining};t={self.reset_s}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


class RateLimitedError(WattproofError):
    """Too many requests; ``standing`` says when to come back."""

    default_code = "too_many_requests"

    def __init__(self, standing: Standing) -> None:
        super().__init__(
            f"more than {standing.per_minute} requests a minute; try again in "
            f"{standing.retry_after_s} s"
        )
        self.standing = standing


class Buckets(Protocol):
    """Where buckets are kept."""

    def take(self, key: str, now_us: int, interval_us: int) -> tuple[bool, int]:
        """Take a token if there is one.

        Returns:
            Whether there was one, and microseconds until the bucket is full again.
        """
        ...


class MemoryBuckets:
    """Buckets of one process."""

    def __init__(self) -> None:
        self._full_at: dict[str, int] = {}
        self._lock = Lock()

    def take(self, key: str, now_us: int, interval_us: int) -> tuple[bool, int]:
        """As ``Buckets.take``."""
        with self._lock:
            if len(self._full_at) > _PRUNE_ABOVE:
                self._full_at = {k: at for k, at in self._full_at.items() if at > now_us}
            full_at = max(self._full_at.get(key, 0), now_us)
            if full_at + interval_us - now_us > _WINDOW_US:
                return False, full_at - now_us
            self._full_at[key] = full_at + interval_us
            return True, full_at + interval_us - now_us


class RedisBuckets:
    """Buckets that all processes at one Redis share.

    Where Redis does not answer, requests are let through: a limit is no reason to stop trading.
    """

    def __init__(self, client: Redis, prefix: str) -> None:
        self._script = client.register_script(_TAKE)
        self._prefix = prefix

    def take(self, key: str, now_us: int, interval_us: int) -> tuple[bool, int]:
        """As ``Buckets.take``."""
        from redis import RedisError

        try:
            allowed, full_in = cast(
                "list[Any]",
                self._script(
                    keys=[f"{self._prefix}rate:{key}"], args=[now_us, interval_us, _WINDOW_US]
                ),
            )
        except RedisError as error:
            _log.warning("no rate limit, Redis does not answer: %s", error)
            return True, 0
        return bool(allowed), int(full_in)


class RateLimits:
    """The limits of one installation: one for each principal, one for each client address."""

    def __init__(
        self,
        buckets: Buckets | None,
        *,
        caller_per_minute: int = 1,
        address_per_minute: int = 1,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``buckets`` None: no limits. ``now`` gives seconds."""
        self._buckets = buckets
        self._caller_per_minute = caller_per_minute
        self._address_per_minute = address_per_minute
        self._now = now

    @classmethod
    def of(cls, settings: Settings) -> RateLimits:
        """Off, in memory (embedded profile) or on Redis (scaled profile), as the settings say."""
        scaled = settings.profile is Profile.SCALED
        wanted = scaled if settings.rate_limits is None else settings.rate_limits
        return cls(
            (_redis(settings) if scaled else MemoryBuckets()) if wanted else None,
            caller_per_minute=settings.rate_caller_per_minute,
            address_per_minute=settings.rate_address_per_minute,
        )

    def caller(self, address: str) -> Standing | None:
        """Count a request of a principal, by any of its sessions and keys; None without limits."""
        return self._take("caller", address, self._caller_per_minute)

    def address(self, host: str) -> Standing | None:
        """Count a request that nobody vouches for; addresses of IPv6 count by their /64."""
        return self._take("address", _network(host), self._address_per_minute)

    def _take(self, policy: str, key: str, per_minute: int) -> Standing | None:
        if self._buckets is None:
            return None
        interval = _WINDOW_US // per_minute
        allowed, full_in = self._buckets.take(
            f"{policy}:{key}", int(self._now() * 1_000_000), interval
        )
        wait = 0 if allowed else full_in + interval - _WINDOW_US
        return Standing(
            policy=policy,
            allowed=allowed,
            per_minute=per_minute,
            remaining=max(0, (_WINDOW_US - full_in) // interval),
            retry_after_s=-(-wait // 1_000_000),
            reset_s=-(-full_in // 1_000_000),
        )


def _redis(settings: Settings) -> RedisBuckets:
    from redis import Redis

    client = Redis.from_url(
        settings.redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    )
    return RedisBuckets(client, settings.redis_prefix)


def _network(host: str) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
