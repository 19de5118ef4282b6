"""Reading the chain: calls by contract name, logs as events, blocks, time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from eth_utils.address import to_checksum_address

from devnet.deployment import Deployment
from wattproof.errors import MisconfiguredError, UnavailableError, WattproofError
from wattproof.gateway.abi import Event, Interface, describe_error

if TYPE_CHECKING:
    from web3 import HTTPProvider

Call = tuple[str, str, Sequence[Any]]


class CallFailedError(WattproofError):
    """The node answered a request with an error.

    Attributes:
        reason: the contract's own error, decoded, where there is one.
    """

    default_code = "call_failed"

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header, as far as we need it."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int


class Chain:
    """A JSON-RPC node and the contracts deployed there."""

    def __init__(
        self, rpc_url: str, deployment: Deployment, *, timeout_s: float = 30.0, batch: int = 200
    ) -> None:
        self.rpc_url = rpc_url
        self.deployment = deployment
        self._timeout_s = timeout_s
        self._batch = batch
        self.interfaces = {
            name: Interface(name, deployment.abi(name)) for name in deployment.addresses
        }
        self.names = {
            to_checksum_address(address): name for name, address in deployment.addresses.items()
        }

    @cached_property
    def _provider(self) -> HTTPProvider:
        from web3 import HTTPProvider

        return HTTPProvider(self.rpc_url, request_kwargs={"timeout": self._timeout_s})

    # -- requests ------------------------------------------------------------------------------

    def request(self, method: str, *params: Any) -> Any:
        """The result of one request.

        Raises:
            CallFailedError: the node answered with an error.
            UnavailableError: it did not answer.
        """
        return self._result(method, self.try_request(method, *params))

    def try_request(self, method: str, *params: Any) -> Mapping[str, Any]:
        """The node's whole answer, ``result`` or ``error``. Raises UnavailableError."""
        try:
            return cast(
                Mapping[str, Any], self._provider.make_request(cast(Any, method), list(params))
            )
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"the chain at {self.rpc_url} does not answer: {error}"
            ) from error

    def try_batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        """Whole answers to many requests, in their order. Raises UnavailableError."""
        answers: list[Mapping[str, Any]] = []
        for start in range(0, len(requests), self._batch):
            part = requests[start : start + self._batch]
            try:
                got = self._provider.make_batch_request(
                    [(cast(Any, method), list(params)) for method, params in part]
                )
            except (OSError, ValueError) as error:
                raise UnavailableError(
                    f"the chain at {self.rpc_url} does not answer: {error}"
                ) from error
            if not isinstance(got, list):
                raise UnavailableError(f"the chain at {self.rpc_url} refuses batches: {got}")
            answers.extend(cast(list[Mapping[str, Any]], got))
        return answers

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Results of many requests; raises CallFailedError for the first error."""
        answers = self.try_batch(requests)
        return [
            self._result(request[0], answer)
            for request, answer in zip(requests, answers, strict=True)
        ]

    def _result(self, method: str, answer: Mapping[str, Any]) -> Any:
        if "error" not in answer:
            return answer["result"]
        reason = self.reason(answer["error"])
        said = reason or answer["error"].get("message", "unknown error")
        raise CallFailedError(f"{method}: {said}", reason)

    def reason(self, error: Mapping[str, Any]) -> str | None:
        """The contract's error inside a node's error (its data, never its text)."""
        data = error.get("data")
        if isinstance(data, Mapping):
            data = data.get("data")
        if not isinstance(data, str) or len(data) < 10 or not data.startswith("0x"):
            return None
        try:
            return describe_error(list(self.interfaces.values()), bytes.fromhex(data[2:]))
        except ValueError:
            return None

    # -- contracts -----------------------------------------------------------------------------

    def address(self, contract: str) -> str:
        """Checksum address of a contract of the deployment.

        Raises:
            MisconfiguredError: the deployment was made before there was such a contract.
        """
        try:
            return to_checksum_address(self.deployment.addresses[contract])
        except KeyError:
            raise MisconfiguredError(
                f"this deployment has no {contract}: it is older than that contract; deploy anew"
            ) from None

    def encode(self, contract: str, function: str, *args: Any) -> str:
        """Call data, 0x-hex."""
        return self.interfaces[contract].encode(function, args)

    def call(self, contract: str, function: str, *args: Any, block: Any = "latest") -> Any:
        """Read a view; structs come as dicts, addresses in checksum form."""
        return self.call_many([(contract, function, args)], block=block)[0]

    def call_many(self, calls: Iterable[Call], *, block: Any = "latest") -> list[Any]:
        """Read many views of one block in few requests.

        Args:
            block: tag, hex number, or ``{"blockHash": ...}``.
        """
        wanted = list(calls)
        results = self.batch(
            [
                (
                    "eth_call",
                    (
                        {
                            "to": self.address(contract),
                            "data": self.interfaces[contract].encode(function, args),
                        },
                        block,
                    ),
                )
                for contract, function, args in wanted
            ]
        )
        return [
            self.interfaces[contract].decode_result(function, bytes.fromhex(result[2:]))
            for (contract, function, _), result in zip(wanted, results, strict=True)
        ]

    def events(self, first: int, last: int) -> list[Event]:
        """Our contracts' events of a range of blocks, in their order."""
        logs = self.request(
            "eth_getLogs",
            {
                "fromBlock": hex(first),
                "toBlock": hex(last),
                "address": [self.address(name) for name in self.deployment.addresses],
            },
        )
        found = (
            self.interfaces[self.names[to_checksum_address(log["address"])]].decode_log(log)
            for log in logs
        )
        return sorted(
            (event for event in found if event is not None),
            key=lambda event: (event.block_number, event.log_index),
        )

    # -- blocks and time -----------------------------------------------------------------------

    def chain_id(self) -> int:
        """The chain's id."""
        return int(self.request("eth_chainId"), 16)

    def block(self, number: int | str) -> Block | None:
        """A block by number or tag; None if the chain has none."""
        return self.blocks([number])[0]

    def blocks(self, numbers: Sequence[int | str]) -> list[Block | None]:
        """Many blocks."""
        answers = self.batch(
            [
                ("eth_getBlockByNumber", (hex(n) if isinstance(n, int) else n, False))
                for n in numbers
            ]
        )
        return [None if answer is None else _block(answer) for answer in answers]

    def head(self) -> Block:
        """The latest block."""
        block = self.block("latest")
        if block is None:
            raise UnavailableError(f"the chain at {self.rpc_url} has no blocks")
        return block


def _block(answer: Mapping[str, Any]) -> Block:
    return Block(
        number=int(answer["number"], 16),
        hash=answer["hash"],
        parent_hash=answer["parentHash"],
        timestamp=int(answer["timestamp"], 16),
    )
