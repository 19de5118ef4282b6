"""What to do when the contract of delegates refuses, by the name of its error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wattproof.errors import Advice

ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "UnknownMarket": Advice("no_market", "GET /markets lists the markets"),
        "InvalidDelegate": Advice("bad_delegate", "name another account than your own"),
        "InvalidEnd": Advice("bad_end", "choose an end that lies ahead"),
        "NoSession": Advice("no_session", "there is nothing to revoke"),
        "SignatureExpired": Advice(
            "bad_deadline", "its deadline has passed: sign it anew with a later one"
        ),
        "InvalidSignature": Advice(
            "bad_signature", "it is not the account's signature of this change with its next nonce"
        ),
    }
)
