"""Changing an identity from the command line, with what is signed made here and compared.

The installation says nonce and deadline; everything else of what is signed follows from the
command. Nothing is signed that differs from it in one bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import typer

from identity import did
from identity.did.attribute import name_text
from identity.did.change import (
    AddDelegate,
    ChangeController,
    RegistryChange,
    RevokeDelegate,
    SetAttribute,
    own_call,
)
from identity.did.signed_change import RegistryDomain, SignedChange
from identity.errors import DidError
from identity.signer import LocalSigner, Signer, keystore_address
from wattproof.cli.caller import Caller
from wattproof.cli.did_options import Manner
from wattproof.cli.keys import ask_passphrase
from wattproof.cli.rest import RestClient, signed_in
from wattproof.cli.transacting import Call, send, until_mined
from wattproof.errors import ConflictError, InvalidError, RefusedError

REGISTRY: Final = "DidRegistry"
VALID_FOR_S: Final = 900
_SKEW_S: Final = 300


def carry_out(
    caller: Caller, manner: Manner, make: Callable[[str], RegistryChange]
) -> dict[str, Any]:
    """Have a change of an identity signed and mined; returns what was done.

    Args:
        make: the change, given the identity's address.

    Raises:
        InvalidError: the installation asks to sign something else, or the DID is none of it.
        RefusedError: the key is not the controller, or the registry refuses.
    """
    key = key_file(caller)
    if manner.sponsor is not None and not manner.relay:
        raise typer.BadParameter("it pays for a signed change: add --relay", param_hint="--sponsor")
    make(keystore_address(key))  # what cannot be is refused before anybody is asked
    if manner.sponsor is None:
        with caller.sign_in("did", "participant") as client:
            return _carry_out(client, client.signer, manner, make)
    signer = LocalSigner.open(key, ask_passphrase(caller.passphrase_file, confirm=False))
    secret = manner.sponsor_passphrase_file or caller.passphrase_file
    with signed_in(caller.url, caller.data_dir, manner.sponsor, secret, ["participant"]) as client:
        return _carry_out(client, signer, manner, make)


def key_file(caller: Caller) -> Path:
    """Raises BadParameter where none was named."""
    if caller.key is None or not caller.key.is_file():
        raise typer.BadParameter(
            "name your key file: wattproof did --key FILE ..., or set WATTPROOF_KEY",
            param_hint="--key",
        )
    return caller.key


def identity_of(text: str, chain_id: int) -> str:
    """The address of a DID of the installation.

    Raises:
        InvalidError: not a did:ethr, or of another chain.
    """
    try:
        identity = did.parse(text)
    except DidError as error:
        raise InvalidError(str(error), code="invalid_did") from error
    if identity.chain_id != chain_id:
        raise InvalidError(
            f"{text} is of chain {identity.chain_id}; this installation's is {chain_id}",
            code="wrong_chain",
        )
    return identity.address


def _carry_out(
    client: RestClient,
    signer: Signer,
    manner: Manner,
    make: Callable[[str], RegistryChange],
) -> dict[str, Any]:
    installation = client.get("/")
    chain_id = int(installation["chain_id"])
    identity = signer.address if manner.did is None else identity_of(manner.did, chain_id)
    change = make(identity)
    controller = client.get(f"/identities/{identity}/control")["controller"]
    if controller is not None and controller != signer.address:
        raise RefusedError(
            f"{identity} is controlled by {controller}; this key is {signer.address}",
            code="not_controller",
        )
    name = str(did.of(identity, chain_id))
    if not manner.relay:
        call = Call(REGISTRY, *own_call(change))
        path = f"/identities/{identity}/changes/transactions"
        try:
            (done,) = send(client, path, {"change": as_request(change)}, call)
        except ConflictError as error:
            if error.code != "not_enough_gas":
                raise
            raise ConflictError(
                f"{error.message}; add --relay to have the operator send and pay for it",
                code=error.code,
            ) from error
        return {"did": name, "relayed": False} | done
    domain = RegistryDomain(chain_id, str(installation["contracts"][REGISTRY]))
    return {"did": name, "relayed": True} | _relay(client, signer, manner, change, domain)


def _relay(
    client: RestClient,
    signer: Signer,
    manner: Manner,
    change: RegistryChange,
    domain: RegistryDomain,
) -> dict[str, Any]:
    path = f"/identities/{change.identity}/changes"
    request = as_request(change)
    asked = client.post(f"{path}/template", {"change": request, "valid_for_s": VALID_FOR_S})
    proposal = SignedChange(change, domain, int(asked["nonce"]), int(asked["deadline"]))
    if proposal.typed_data() != asked["typed_data"]:
        raise InvalidError(
            "the installation asks for a signature over something else than was asked for; do not "
            "sign",
            code="other_change",
        )
    ahead = proposal.deadline - int(time.time())
    if ahead > VALID_FOR_S + _SKEW_S and not manner.chain_time:
        raise InvalidError(
            f"the signature would be good for {ahead} s by this machine's clock instead of "
            f"{VALID_FOR_S}; do not sign, or say --chain-time if this is a test chain ahead of us",
            code="other_deadline",
        )
    handed_in = client.post(
        path,
        {
            "change": request,
            "nonce": proposal.nonce,
            "deadline": proposal.deadline,
            "signature": "0x" + proposal.sign(signer).hex(),
        },
    )
    digest = "0x" + proposal.digest().hex()
    if handed_in["digest"] != digest:
        raise InvalidError("the installation took another change than was signed")
    done = until_mined(client, digest, change.function)
    return done | {"digest": digest, "nonce": proposal.nonce, "deadline": proposal.deadline}


def as_request(change: RegistryChange) -> dict[str, Any]:
    """A change as the API takes it."""
    if isinstance(change, ChangeController):
        if change.deactivates:
            return {"change": "deactivation"}
        return {"change": "controller", "controller": change.controller}
    if isinstance(change, AddDelegate | RevokeDelegate):
        named = {"purpose": change.purpose, "delegate": change.delegate}
        if isinstance(change, RevokeDelegate):
            return {"change": "revoke_delegate"} | named
        return {"change": "add_delegate", "validity_s": change.validity_s} | named
    attribute = {
        "name": name_text(change.name) or "0x" + change.name.hex(),
        "value": "0x" + change.value.hex(),
    }
    if isinstance(change, SetAttribute):
        return {"change": "set_attribute", "validity_s": change.validity_s} | attribute
    return {"change": "revoke_attribute"} | attribute
