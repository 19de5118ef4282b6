"""When the chains of these tests begin: far enough from midnight for tomorrow to stay tomorrow."""

from __future__ import annotations

NOON = 1_893_585_600
"""2030-01-02 12:00 UTC, a Wednesday."""
