"""What to do when the registry of credentials refuses, by the name of its error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wattproof.errors import Advice

ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "ZeroValue": Advice("zero", "name an issuer, a subject and a credential that exist"),
        "AlreadyAccredited": Advice(
            "known",
            "that is done once; an issuer whose accreditation ended takes a new key",
        ),
        "NotAccredited": Advice(
            "not_accredited",
            "the registrar of this installation accredits issuers: POST /issuers/accreditations",
        ),
        "CredentialHashUsed": Advice("known", "this credential was granted; issue another one"),
        "BadExpiry": Advice("bad_expiry", "name an end in the future, before the year 2106"),
        "SubjectDeactivated": Advice(
            "deactivated", "nothing is granted any more to an identity that was given up"
        ),
        "GrantedByAnother": Advice(
            "granted_by_another", "the figure is the issuer whose grant stands; it ends first"
        ),
        "NotAnExtension": Advice(
            "not_longer", "the figure is when the grant ends; name a later end, or revoke it first"
        ),
        "RegrantTooSoon": Advice(
            "regrant_too_soon", "the figure is the time from which a new grant is taken"
        ),
        "CredentialNotCurrent": Advice(
            "not_granted",
            "no grant rests on it; a newer credential of the role may have replaced it",
        ),
        "GrantEnded": Advice("ended", "it has expired, or was revoked before"),
    }
)
