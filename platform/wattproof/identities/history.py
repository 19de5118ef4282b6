"""The history of identities in the DidRegistry, read from the chain."""

from __future__ import annotations

from collections.abc import Sequence

from identity.did.ethr import AttributeChanged, Change, DelegateChanged, OwnerChanged
from wattproof.gateway.abi import Event
from wattproof.gateway.chain import Chain
from wattproof.gateway.clock import Clock


class ChainHistory:
    """A `RegistryHistory` of the deployment's own registry."""

    def __init__(self, chain: Chain, clock: Clock) -> None:
        self._chain = chain
        self._clock = clock
        self._times: dict[int, int] = {}

    def changes(self, address: str) -> Sequence[Change]:
        """See `RegistryHistory`. Raises UnavailableError, CallFailedError."""
        return [change_of(event) for event in self.events(address)]

    def events(self, address: str) -> list[Event]:
        """What the registry logged of an identity, oldest first; raises as `changes`."""
        topic = "0x" + address[2:].lower().rjust(64, "0")
        logs = self._chain.request(
            "eth_getLogs",
            {
                "fromBlock": hex(self._chain.deployment.first_block),
                "toBlock": "latest",
                "address": self._chain.address("DidRegistry"),
                "topics": [None, topic],
            },
        )
        interface = self._chain.interfaces["DidRegistry"]
        events = (interface.decode_log(log) for log in logs)
        return sorted(
            (event for event in events if event is not None),
            key=lambda event: (event.block_number, event.log_index),
        )

    def time_of(self, block: int) -> int | None:
        """See `RegistryHistory`."""
        if block not in self._times:
            found = self._chain.request("eth_getBlockByNumber", hex(block), False)
            if found is None:
                return None
            self._times[block] = int(found["timestamp"], 16)
        return self._times[block]

    def now(self) -> int:
        """See `RegistryHistory`."""
        return self._clock.now()


def change_of(event: Event) -> Change:
    """An event of the registry as what it changes."""
    args = event.args
    if event.name == "DIDOwnerChanged":
        return OwnerChanged(event.block_number, args["owner"])
    if event.name == "DIDDelegateChanged":
        return DelegateChanged(
            event.block_number, args["delegateType"], args["delegate"], args["validTo"]
        )
    return AttributeChanged(event.block_number, args["name"], args["value"], args["validTo"])
