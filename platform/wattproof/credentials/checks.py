"""What a credential is held to, check by check.

A check holds, fails, or was not made because one that it rests on failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from identity.errors import CredentialError, DidError

Made = TypeVar("Made")
_LONGEST: Final = 500


class Check(StrEnum):
    """What is checked, in this order."""

    FORM = "form"
    SCHEMA = "schema"
    ISSUER_KEY = "issuer_key"
    SIGNATURE = "signature"
    TIME = "time"
    ACCREDITATION = "accreditation"
    SUBJECT = "subject"
    GRANT = "grant"
    STATUS = "status"


class Outcome(StrEnum):
    """What a check found."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_MADE = "not_made"


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of a check; `why` says what fails, or what a person may want to know."""

    check: Check
    outcome: Outcome
    why: str = ""


@dataclass(slots=True)
class Report:
    """The checks of one credential."""

    _found: dict[Check, Found] = field(default_factory=dict)

    def make(self, check: Check, of: Callable[[], Made]) -> Made | None:
        """What `of` gives, which holds; None where it raised what was found."""
        try:
            made = of()
        except (CredentialError, DidError) as error:
            self._found[check] = Found(check, Outcome.FAILS, sentence(error))
            return None
        self._found.setdefault(check, Found(check, Outcome.HOLDS))
        return made

    def note(self, check: Check, why: str) -> None:
        """Say something of a check that holds."""
        self._found[check] = Found(check, Outcome.HOLDS, why)

    def held(self, check: Check) -> bool:
        """Whether a check was made and holds."""
        return check in self._found and self._found[check].outcome is Outcome.HOLDS

    def found(self) -> list[Found]:
        """Every check, in their order."""
        return [self._found.get(check, Found(check, Outcome.NOT_MADE)) for check in Check]

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(self.held(check) for check in Check)

    def require(self) -> None:
        """Raises CredentialError for the first check that fails."""
        for found in self.found():
            if found.outcome is not Outcome.HOLDS:
                raise CredentialError(f"{found.check}: {found.why}")


def sentence(error: Exception) -> str:
    """What an error says, short, and without anything that no answer can carry."""
    return str(error).encode("utf-8", "replace").decode()[:_LONGEST]
