"""Roles: what an account or a device may be in a market, as the chain knows it."""

from __future__ import annotations

from typing import Final

from eth_utils.crypto import keccak

ROLES: Final = (
    "prosumer",
    "ev_owner",
    "supplier",
    "operator",
    "dispatcher",
    "meter",
    "regulator",
    "renewable_device",
    "producer",
    "analyst",
)


def role_id(role: str) -> bytes:
    """The role's number on-chain: keccak-256 of ``wattproof.role.<role>``, 32 bytes."""
    return bytes(keccak(text=f"wattproof.role.{role}"))
