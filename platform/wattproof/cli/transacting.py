"""Signing transactions on the owner's own machine, and waiting for what becomes of them.

The API makes transactions; the key signs nothing that was not asked for. Each is decoded with the
interface that ships with this command and compared with what the command says.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import contracts
from wattproof.cli.rest import RestClient
from wattproof.errors import InvalidError, RefusedError, UnavailableError
from wattproof.gateway import outbox
from wattproof.gateway.abi import Interface

ANY: Final = object()
"""An argument that the contract itself checks."""

_PATIENCE_S = 180.0
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Call:
    """A contract's function with its arguments, as the command asks for it."""

    contract: str
    function: str
    arguments: tuple[Any, ...]


def approval(operator: str) -> Call:
    """Letting a contract take the signer's certificates."""
    return Call("GreenCertificates", "setApprovalForAll", (operator, True))


def send(
    client: RestClient, path: str, body: Mapping[str, Any], call: Call, *before: Call
) -> list[dict[str, Any]]:
    """Ask for transactions, check, sign and hand in each, and wait until it is mined.

    Args:
        call: what the last one must do.
        before: what others may do before it.

    Raises:
        InvalidError: the API asks to sign something else.
        RefusedError: the chain took it and the contract refused.
        UnavailableError: it was handed in and not mined in time.
    """
    made = client.post(path, body)["transactions"]
    known = contract_addresses(client)
    expected = [*before[len(before) + 1 - len(made) :], call]
    if len(made) != len(expected):
        raise InvalidError(
            f"the API asks for {len(made)} signatures; do not sign", code="other_call"
        )
    for item, wanted in zip(made, expected, strict=True):
        _check(item["transaction"], wanted, known)
    return [_carry_out(client, item) for item in made]


def send_as_role(
    client: RestClient, path: str, body: Mapping[str, Any], call: Call
) -> tuple[list[dict[str, Any]], str | None]:
    """As `send`, for a call of a role that may have to announce it first.

    Returns:
        What was mined, and from when on the announced call can be made; None where it was made.
    """
    made = client.post(path, body)
    known = contract_addresses(client)
    callable_at: str | None = made["callable_at"]
    wanted = call if callable_at is None else _announcement(call, known)
    (item,) = made["transactions"]
    _check(item["transaction"], wanted, known)
    return [_carry_out(client, item)], callable_at


def _announcement(call: Call, known: Mapping[str, str]) -> Call:
    interface = Interface(call.contract, list(contracts.load(call.contract).abi))
    data = bytes.fromhex(interface.encode(call.function, call.arguments)[2:])
    return Call("Authority", "schedule", (known[call.contract], data, 0))


def contract_addresses(client: RestClient) -> Mapping[str, str]:
    """Addresses of the installation's contracts by name."""
    found: Mapping[str, str] = client.get("/")["contracts"]
    return found


def _check(transaction: Mapping[str, Any], wanted: Call, known: Mapping[str, str]) -> None:
    interface = Interface(wanted.contract, list(contracts.load(wanted.contract).abi))
    try:
        name, arguments = interface.decode_call(bytes.fromhex(transaction["data"][2:]))
    except (KeyError, ValueError):
        name, arguments = "something unknown", {}
    said = tuple(arguments.values())
    is_asked_for = (
        name == wanted.function
        and len(said) == len(wanted.arguments)
        and all(w is ANY or s == w for s, w in zip(said, wanted.arguments, strict=True))
        and transaction["to"] == known[wanted.contract]
        and transaction["value"] == 0
    )
    if not is_asked_for:
        raise InvalidError(
            f"the API asks to sign {name} where {wanted.function} was asked for; do not sign",
            code="other_call",
        )


def _carry_out(client: RestClient, item: Mapping[str, Any]) -> dict[str, Any]:
    raw = client.signer.sign_transaction(item["transaction"])
    sent = client.post("/transactions", {"raw": "0x" + raw.hex()})
    return until_mined(client, sent["hash"], item["title"])


def until_mined(client: RestClient, reference: str, title: str) -> dict[str, Any]:
    """Wait until what was handed in is mined and indexed.

    Args:
        reference: hash of the transaction, or digest of a signed change that is relayed.
        title: what it does.

    Raises:
        RefusedError: the chain took it and the contract refused.
        UnavailableError: it is not mined in time.
    """
    give_up = time.monotonic() + _PATIENCE_S
    while (state := client.get(f"/transactions/{reference}"))["status"] in outbox.PENDING:
        if time.monotonic() > give_up:
            raise UnavailableError(
                f"{reference} was handed in and is not mined yet; it is sent until it is"
            )
        time.sleep(_PAUSE_S)
    if state["status"] != outbox.MINED:
        raise RefusedError(f"could not {title}: {state['error'] or state['status']}")
    # What is asked next must not be answered from before.
    while (client.get("/health")["indexed_block"] or 0) < state["block_number"]:
        if time.monotonic() > give_up:
            raise UnavailableError(f"{reference} is mined and not indexed yet; look later")
        time.sleep(_PAUSE_S)
    return {"title": title, "hash": state["hash"], "block_number": state["block_number"]}


def named(certificates: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[int]]:
    """Ids and amounts of certificates as the contracts take them."""
    return (
        [int(each["batch"]) for each in certificates],
        [int(each["amount_wh"]) for each in certificates],
    )
