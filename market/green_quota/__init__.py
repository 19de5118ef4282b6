"""Green-certificate quotas: a platform for electricity and one for certificates, coupled by bids.

Producers of wind power earn a certificate with every kWh, so they ask less for the kWh; who is
obliged to show certificates pays for them, so it asks more, or bids less. Neither platform knows
the other: `electricity_bids` and `certificate_bids` say what one price does to the other's bids,
`costs` what producing costs, `forecast` which prices to expect, `technologies` what certificates
name.

Certificates of each technology are traded in a market of their own.
"""

from __future__ import annotations

from market.green_quota.rules import CAPACITY_SOURCE, CERTIFICATE_RULES, ELECTRICITY_RULES, ROLE
from market.green_quota.technologies import Technology
from market.registry import MarketManifest

ELECTRICITY = MarketManifest(
    name="quota_electricity",
    title="Electricity under a green-certificate quota",
    carriers=("electricity",),
    zones=("everywhere",),
    rules=ELECTRICITY_RULES,
    role=ROLE,
)

CERTIFICATES = {
    technology: MarketManifest(
        name=f"green_certificates_{technology.name.lower()}",
        title=f"Green certificates, {technology.label}",
        carriers=(f"certificate of {technology.label}",),
        zones=("everywhere",),
        rules=CERTIFICATE_RULES,
        role=ROLE,
        capacity_source=CAPACITY_SOURCE,
    )
    for technology in Technology
}

MANIFESTS = (ELECTRICITY, *CERTIFICATES.values())
