"""A deployment that is older than a contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wattproof.errors import MisconfiguredError
from wattproof.gateway.chain import Chain
from wattproof.runtime import Platform


def test_a_contract_that_was_not_deployed_is_named_with_the_way_out(platform: Platform) -> None:
    addresses = dict(platform.deployment.addresses)
    del addresses["QuotaRegistry"]
    old = Chain(platform.chain.rpc_url, replace(platform.deployment, addresses=addresses))
    with pytest.raises(MisconfiguredError, match=r"has no QuotaRegistry: .* deploy anew"):
        old.call("QuotaRegistry", "quotaCount")
    assert old.call("DemandResponse", "eventCount") == 0
