"""Keys that sign credentials and presentations, as files, and the DIDs that they speak for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from identity import did
from identity.did import Resolver
from identity.errors import CredentialError, DidError
from identity.key_agent import AgentKeyService
from identity.kms import KmsSigner
from identity.signer import LocalSigner, Signer
from identity.verifiable import key_file
from identity.verifiable.data_integrity import ASSERTION, AUTHENTICATION
from identity.verifiable.issuing import own_method
from identity.verifiable.keys import Ed25519Key, EthereumKey, SigningKey, key_of
from wattproof.cli.keys import ask_passphrase


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A key that was opened: an Ethereum account's, or an Ed25519 key; one of the two."""

    path: Path
    signer: Signer | None = None
    ed25519: Ed25519Key | None = None

    def own_did(self, chain_id: int | None) -> str:
        """The DID that the key has by itself.

        Raises:
            CredentialError: an account's key, and no chain is known.
        """
        if self.ed25519 is not None:
            return self.ed25519.verification_method.partition("#")[0]
        if chain_id is None:
            raise CredentialError(
                "an account's DID names its chain; name the whole DID with --issuer, or an "
                "installation with --url"
            )
        return str(did.of(self._account(), chain_id))

    def is_own(self, name: str) -> bool:
        """Whether a DID is the one that this key has by itself."""
        if self.ed25519 is not None:
            return name == self.own_did(None)
        try:
            return did.parse(name).address == self._account()
        except DidError:
            return False

    def own(self, name: str) -> SigningKey:
        """This key as the one that a DID has by itself. Raises CredentialError: it is another's."""
        if not self.is_own(name):
            raise self._not_of(name)
        return self._under(own_method(name))

    def speaking_for(self, name: str, resolver: Resolver) -> SigningKey:
        """This key as a method of a DID's present document that makes assertions.

        Raises:
            CredentialError: it cannot be resolved, or this key does not speak for it (any more).
        """
        for method in _methods(name, resolver, ASSERTION):
            if self._is(method):
                return self._under(str(method["id"]))
        raise self._not_of(name)

    def named(self, method: str, resolver: Resolver) -> SigningKey:
        """This key as one particular method, with which its DID authenticates itself.

        Raises:
            CredentialError: the method is another key's, or not in the document (any more).
        """
        name = method.partition("#")[0]
        for entry in _methods(name, resolver, AUTHENTICATION):
            if entry.get("id") == method and self._is(entry):
                return self._under(method)
        raise self._not_of(method)

    def _is(self, method: Mapping[str, Any]) -> bool:
        try:
            found = key_of(method)
        except CredentialError:
            return False
        if self.ed25519 is not None:
            return found.ed25519 == self.ed25519.public_key
        return found.address == self._account()

    def _under(self, method: str) -> SigningKey:
        if self.ed25519 is not None:
            return self.ed25519.under(method)
        assert self.signer is not None
        return EthereumKey(self.signer, method)

    def _account(self) -> str:
        assert self.signer is not None
        return self.signer.address

    def _not_of(self, name: str) -> CredentialError:
        mine = self.ed25519.verification_method if self.ed25519 is not None else self._account()
        return CredentialError(f"the key in {self.path} ({mine}) does not speak for {name}")


def open_key(path: Path, passphrase_file: Path | None) -> OpenKey:
    """Open a key file of either kind, or reach the key agent that listens at a socket.

    Raises:
        KeystoreError: it cannot be opened, or nothing listens there.
    """
    if path.is_socket():
        return OpenKey(path, signer=KmsSigner(AgentKeyService(path)))
    is_ed25519 = key_file.did_of_file(path) is not None
    passphrase = ask_passphrase(passphrase_file, confirm=False)
    if is_ed25519:
        return OpenKey(path, ed25519=key_file.open_key(path, passphrase))
    return OpenKey(path, signer=LocalSigner.open(path, passphrase))


def _methods(name: str, resolver: Resolver, relationship: str) -> list[Mapping[str, Any]]:
    """The methods of a DID's present document for one relationship. Raises CredentialError."""
    resolution = resolver.resolve(name)
    document = resolution.document
    if document is None or resolution.deactivated:
        why = resolution.message or "it was given up"
        raise CredentialError(f"{name} cannot be resolved: {why}")
    named = {
        entry.get("id"): entry
        for entry in document.get("verificationMethod", [])
        if isinstance(entry, dict)
    }
    listed = [
        entry if isinstance(entry, dict) else named.get(entry)
        for entry in document.get(relationship, [])
    ]
    return [entry for entry in listed if entry is not None]
