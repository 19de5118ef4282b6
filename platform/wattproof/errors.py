"""What the platform can refuse or fail at, and why.

::

    WattproofError
    ├── InvalidError          the request itself is wrong; sending it again cannot help
    ├── RefusedError          well formed, but a rule says no (margin, gate, credential, ...)
    ├── NotFoundError         no such order, round, market, ...
    ├── ConflictError         it exists already, or differs from what exists
    ├── UnavailableError      the chain, the database or a queue does not answer; try again
    └── MisconfiguredError    a setting, key file or installation is unusable; says the way out
        └── ChainMismatchError    the chain is not the one this database belongs to

Every error carries a stable ``code`` for machines and a sentence for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class WattproofError(Exception):
    """Base of everything the platform raises on purpose.

    Attributes:
        code: stable, machine-readable, snake case.
        message: what was wrong and what to do.
        details: single things that are wrong, by where they are; may be empty.
    """

    default_code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = tuple(details)


class InvalidError(WattproofError):
    default_code = "invalid"


class RefusedError(WattproofError):
    default_code = "refused"


class NotFoundError(WattproofError):
    default_code = "not_found"


class ConflictError(WattproofError):
    default_code = "conflict"


class UnavailableError(WattproofError):
    default_code = "unavailable"


class MisconfiguredError(WattproofError):
    default_code = "misconfigured"


class ChainMismatchError(MisconfiguredError):
    default_code = "chain_mismatch"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a refusal of a contract, and the code it gets here."""

    code: str
    text: str
