"""Roles of the access manager, and which restricted functions each may call."""

from __future__ import annotations

from enum import IntEnum


class AuthorityRole(IntEnum):
    """Role numbers in the Authority contract (0 is its admin)."""

    MARKET_ADMIN = 1
    MINTER = 2
    REGISTRAR = 3
    METER_REGISTRAR = 4
    METER_AUTHORITY = 5
    ATTESTER = 6
    DEVIATION_CLAIMANT = 7
    CREDIT_ISSUER = 8
    PROGRAMME_OWNER = 9
    CERTIFICATE_REGISTRAR = 10
    GOVERNMENT = 11


RESTRICTED: dict[AuthorityRole, dict[str, tuple[str, ...]]] = {
    AuthorityRole.MARKET_ADMIN: {
        "Exchange": ("createMarket",),
        "EnergyCredits": ("bindMarket",),
        "GreenCertificates": ("bindMarket",),
    },
    AuthorityRole.MINTER: {"SettlementToken": ("mint",)},
    AuthorityRole.REGISTRAR: {"CredentialRegistry": ("accredit", "removeAccreditation", "revoke")},
    AuthorityRole.METER_REGISTRAR: {"MeterRegistry": ("register", "rotateKey")},
    AuthorityRole.METER_AUTHORITY: {
        "MeterRegistry": ("dispute", "resolve"),
        "DemandResponse": ("resolve",),
    },
    AuthorityRole.ATTESTER: {"BatteryPassport": ("attest", "retire")},
    AuthorityRole.DEVIATION_CLAIMANT: {"Deviations": ("reserve",)},
    AuthorityRole.CREDIT_ISSUER: {"EnergyCredits": ("openSeries",)},
    AuthorityRole.PROGRAMME_OWNER: {"DemandResponse": ("createProgramme",)},
    AuthorityRole.CERTIFICATE_REGISTRAR: {
        "GreenCertificates": ("registerProducer", "registerStore", "correct", "withdraw")
    },
    AuthorityRole.GOVERNMENT: {"QuotaRegistry": ("openQuota", "oblige")},
}

CLAIMANTS = ("EnergyCredits", "DemandResponse")
"""The contracts that hold DEVIATION_CLAIMANT; nobody else ever does."""
