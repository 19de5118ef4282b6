"""What identity code refuses.

::

    IdentityError
    ├── DidError         not a did:ethr identifier, or its history makes no sense
    ├── CredentialError  a credential is malformed, or was not signed by whom it names
    ├── SignInError      a sign-in message is malformed, out of time, or not signed by its address
    ├── WalletError      a wallet's folder or file cannot be used, or something in it was changed
    └── KeystoreError    a key file or passphrase cannot be used; says the way out
"""

from __future__ import annotations


class IdentityError(ValueError):
    """Base of everything this package refuses."""


class DidError(IdentityError):
    """Not a did:ethr identifier, or its history makes no sense."""


class CredentialError(IdentityError):
    """A credential is malformed, or was not signed by whom it names."""


class SignInError(IdentityError):
    """A sign-in message is malformed, out of time, or not signed by its address."""


class WalletError(IdentityError):
    """A wallet's folder or file cannot be used, or something in it was changed."""


class KeystoreError(IdentityError):
    """A key file or passphrase cannot be used."""
