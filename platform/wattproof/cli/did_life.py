"""The life of a DID from the command line: made, handed on, given up; and its history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import typer

from identity import did
from identity.did.change import ChangeController, deactivation
from identity.did.ethr_document import EthrDocument
from identity.errors import KeystoreError
from identity.signer import LocalSigner, keystore_address
from wattproof.cli.caller import Caller
from wattproof.cli.certificate_arguments import read_address
from wattproof.cli.did_changes import carry_out, identity_of, key_file
from wattproof.cli.did_options import Manner
from wattproof.cli.keys import ask_passphrase
from wattproof.errors import ConflictError, InvalidError, RefusedError

_ENDS: Final = (
    "the document becomes empty for good: nobody speaks for this DID any more, and nobody can undo "
    "it",
    "role credentials of this address stand no longer: its orders count for nothing at later gates",
    "delegates, keys and services of the document end",
)
_STAYS: Final = (
    "money stays the account's: its key withdraws it as before",
    "what was signed, settled or metered before stays as it was",
)


def create(caller: Caller, path: Path, chain_id: int | None) -> dict[str, Any]:
    """Make a key file; gives the DID and its document.

    Raises:
        KeystoreError: the file exists already or cannot be written.
    """
    if path.exists():
        raise KeystoreError(f"{path} exists already; choose another name")
    if chain_id is None:
        with caller.visit() as reader:
            chain_id = int(reader.get("/")["chain_id"])
    signer = LocalSigner.generate()
    signer.save(path, ask_passphrase(caller.passphrase_file, confirm=True))
    identity = did.of(signer.address, chain_id)
    name = str(identity)
    return {
        "did": name,
        "address": signer.address,
        "path": str(path),
        "document": EthrDocument(identity, name).document(),
    }


def history(caller: Caller, text: str | None) -> dict[str, Any]:
    """All changes of a DID of the installation, of the key's own if none is named."""
    with caller.visit() as reader:
        chain_id = int(reader.get("/")["chain_id"])
        if text is None:
            identity = keystore_address(key_file(caller))
        else:
            identity = identity_of(text, chain_id)
        found: dict[str, Any] = reader.get_all(f"/identities/{identity}/changes")
        state = reader.get(f"/identities/{identity}/control")
    return {
        "did": str(did.of(identity, chain_id)),
        "controller": state["controller"],
        "items": found["items"],
    }


def rotate(
    caller: Caller, manner: Manner, new: Path, new_passphrase_file: Path | None
) -> dict[str, Any]:
    """Hand a DID to the key of another file, made if it is not there."""
    key = key_file(caller)
    secret = new_passphrase_file or caller.passphrase_file
    is_made = not new.exists()
    passphrase = ask_passphrase(secret, confirm=is_made)
    if is_made:
        heir = LocalSigner.generate()
        heir.save(new, passphrase)
    else:
        heir = LocalSigner.open(new, passphrase)
    if heir.address == keystore_address(key):
        raise InvalidError(f"{new} holds the key that controls it now", code="same_key")
    done = carry_out(caller, manner, lambda who: ChangeController(who, heir.address))
    return done | {
        "controller": heir.address,
        "key": str(new),
        "notes": _handed_on(done["did"], str(key)),
    }


def transfer(caller: Caller, manner: Manner, to: str, *, yes: bool) -> dict[str, Any]:
    """Hand a DID to somebody's address. Asks first."""
    heir = read_address(to)
    if int(heir, 16) == 0:
        raise typer.BadParameter("the zero address is nobody; see `wattproof did deactivate`")
    key = key_file(caller)
    if keystore_address(key) == heir:
        raise InvalidError("that is the key that controls it now", code="same_key")
    _confirm(f"Hand the DID to {heir}? Only its key can hand it back.", yes=yes)
    done = carry_out(caller, manner, lambda who: ChangeController(who, heir))
    return done | {"controller": heir, "notes": _handed_on(done["did"], str(key))}


def deactivate(caller: Caller, manner: Manner, *, yes: bool, quiet: bool) -> dict[str, Any]:
    """Give a DID up, after saying what ends."""
    key = key_file(caller)
    with caller.visit() as reader:
        chain_id = int(reader.get("/")["chain_id"])
        identity = (
            keystore_address(key) if manner.did is None else identity_of(manner.did, chain_id)
        )
        found = reader.get(f"/identities/{identity}")
    document = found["didDocument"]
    if found["didDocumentMetadata"].get("deactivated"):
        raise ConflictError(f"{document['id']} was deactivated before", code="did_deactivated")
    ends = [*_ENDS, *_named(document)]
    if not quiet:
        typer.echo(f"{document['id']} will be deactivated:", err=True)
        for each in ends:
            typer.echo(f"  - {each}", err=True)
    _confirm("Deactivate it for good?", yes=yes)
    done = carry_out(caller, manner, deactivation)
    return done | {"controller": None, "ended": ends, "notes": list(_STAYS)}


def _named(document: dict[str, Any]) -> list[str]:
    """What stands in a document besides its controller."""
    methods = [each["id"] for each in document["verificationMethod"]]
    services = [each["id"] for each in document.get("service", [])]
    named = [each.partition("#")[2] for each in (*methods, *services)]
    return [f"#{each} ends" for each in named if each != "controller"]


def _handed_on(name: str, old: str) -> list[str]:
    account = name.rsplit(":", 1)[1]
    return [
        f"the DID stays {name}; the new key alone can change it from now on",
        f"trading is not handed over: orders, withdrawals and sign-in of the account {account} are "
        "signed by the account's own key, and no contract asks who controls the DID; keep that key "
        "while the account holds anything",
        "if that key may be in other hands: cancel its orders, take the money out, and deactivate "
        "the DID, which ends its credentials; rotating alone stops nobody who has the key",
        f"a meter's readings are signed by the key that its registration names; METER_REGISTRAR "
        f"changes it (rotateKey), not {old}",
    ]


def _confirm(question: str, *, yes: bool) -> None:
    """Raises RefusedError where nobody says yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError("nobody is there to ask; say --yes", code="not_confirmed")
    if not typer.confirm(question, err=True):
        raise RefusedError("nothing was changed", code="not_confirmed")
