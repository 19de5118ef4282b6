"""What all suites but the contracts' share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A property holds or it does not: a busy machine decides nothing.
settings.register_profile(
    "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")
