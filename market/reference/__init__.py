"""The contracts, once more, in readable Python: the text that the Solidity is tested against.

Standard library and eth-account alone. Functions carry the Solidity names in snake case, refusals
are exceptions with the names of the custom errors, the caller is `sender` and the block's time is
`now`. Every call either raises `Revert` and changes nothing, or takes effect completely.

docs/protocol.md is the norm for both. Where the two differ, one of them is wrong.
"""

from __future__ import annotations

from market.reference.account import AccountWord
from market.reference.authority import Authority
from market.reference.certificates import GreenCertificates
from market.reference.credits import EnergyCredits
from market.reference.delegations import Delegations
from market.reference.deviations import Deviations
from market.reference.errors import Revert
from market.reference.exchange import Exchange, Neighbour, Status
from market.reference.identity import CredentialRegistry, DidRegistry
from market.reference.imbalance import Imbalance, PositionLeaf, RoundProof
from market.reference.ledger import Effect, Ledger
from market.reference.meters import MeterRegistry, Resolution
from market.reference.params import MarketParams
from market.reference.passport import BatteryPassport
from market.reference.quotas import QuotaRegistry
from market.reference.token import SettlementToken

__all__ = [
    "AccountWord",
    "Authority",
    "BatteryPassport",
    "CredentialRegistry",
    "Delegations",
    "Deviations",
    "DidRegistry",
    "Effect",
    "EnergyCredits",
    "Exchange",
    "GreenCertificates",
    "Imbalance",
    "Ledger",
    "MarketParams",
    "MeterRegistry",
    "Neighbour",
    "PositionLeaf",
    "QuotaRegistry",
    "Resolution",
    "Revert",
    "RoundProof",
    "SettlementToken",
    "Status",
]
