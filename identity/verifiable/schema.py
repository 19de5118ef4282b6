"""What credentials of a kind may claim, as JSON Schemas (draft 2020-12) that ship with the package.

``credentialSchema`` of a credential names its schema by ``$id``; nothing is ever fetched, and a
schema that did not ship is not known. Formats are checked: a date is a date, an address has its
checksum (EIP-55), an area its check character (Energy Identification Code).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from eth_utils.address import is_checksum_address
from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from identity.did import parse_url
from identity.errors import CredentialError, DidError
from identity.verifiable.kinds import Kind

SCHEMA_TYPE: Final = "JsonSchema"
_EIC_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
_EIC_LENGTH: Final = 16
_MOST_ERRORS: Final = 8
_TYPES: Final = {"integer": "a whole number in the unit of its name, without quotes"}
_FORMATS: Final = {
    "address": "an address with its checksum (EIP-55)",
    "date": "a day such as 2026-11-30",
    "did": "a DID alone, such as did:key:z6Mk...",
    "zone": "an area's code (EIC, type Y) with its check character, or its mRID",
}


def schema_of(kind: Kind) -> dict[str, Any]:
    """The schema of a kind's documents."""
    loaded: dict[str, Any] = json.loads(_text(kind.name))
    return loaded


def reference(kind: Kind) -> dict[str, str]:
    """``credentialSchema`` of a document."""
    return {"id": kind.schema_id, "type": SCHEMA_TYPE}


def check_document(kind: Kind, document: Mapping[str, Any]) -> None:
    """Raise CredentialError unless a credential's document is one of this kind.

    A document that names no schema is held to its kind's all the same.
    """
    named = document.get("credentialSchema", reference(kind))
    if named != reference(kind):
        raise CredentialError(f"credentialSchema: a {kind.type} names {reference(kind)} alone")
    _check(kind, _validator(kind.name), document)


def check_claims(kind: Kind, claims: Mapping[str, Any], *, complete: bool = True) -> None:
    """Raise CredentialError unless these are claims of this kind (without the subject's id).

    Args:
        complete: False for claims of which a holder keeps some to herself.
    """
    _check(kind, _claims_validator(kind.name, complete), claims)


def _check(kind: Kind, validator: Draft202012Validator, value: Mapping[str, Any]) -> None:
    try:
        errors = list(validator.iter_errors(dict(value)))
    except (ValueError, RecursionError) as error:
        raise CredentialError(f"this is no JSON: {error}") from error
    if not errors:
        return
    said = [_sentence(kind, error) for error in errors[:_MOST_ERRORS]]
    if len(errors) > _MOST_ERRORS:
        said.append(f"and {len(errors) - _MOST_ERRORS} more")
    raise CredentialError("; ".join(said))


def _sentence(kind: Kind, error: ValidationError) -> str:
    path = ".".join(map(str, error.instance_path))
    match error.kind:
        case ValidationErrorKind.AdditionalProperties(unexpected=unexpected):
            names = ", ".join(sorted(unexpected))
            advice = f"{names}: no claim of this kind; leave it out"
        case ValidationErrorKind.Required(property=name):
            advice = f"{name} is missing; add it"
        case ValidationErrorKind.Minimum(limit=limit):
            advice = f"{error.message}; give at least {limit}"
        case ValidationErrorKind.Maximum(limit=limit):
            advice = f"{error.message}; give at most {limit}"
        case ValidationErrorKind.Format(format=name) if name in _FORMATS:
            advice = f"{error.message}; give {_FORMATS[name]}"
        case ValidationErrorKind.Type(types=[wanted]):
            advice = f"{error.message}; give {_TYPES.get(wanted, wanted)}"
        case ValidationErrorKind.Pattern():
            advice = f"{json.dumps(error.instance)} does not fit: {_described(kind, error)}"
        case _:
            advice = error.message
    return f"{path}: {advice}" if path else advice


def _described(kind: Kind, error: ValidationError) -> str:
    """What a claim is, in words."""
    claims = schema_of(kind)["properties"]["credentialSubject"]["properties"]
    names = [part for part in error.instance_path if part in claims]
    return str(claims[names[-1]]["description"]) if names else error.message


@cache
def _validator(name: str) -> Draft202012Validator:
    return _compiled(json.loads(_text(name)))


@cache
def _claims_validator(name: str, complete: bool) -> Draft202012Validator:
    subject = json.loads(_text(name))["properties"]["credentialSubject"]
    del subject["properties"]["id"]
    subject["required"] = [claim for claim in subject["required"] if complete and claim != "id"]
    return _compiled(subject)


def _compiled(schema: Mapping[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        dict(schema),
        formats={"did": _is_did, "address": _is_address, "zone": _is_zone},
        validate_formats=True,
        ignore_unknown_formats=False,
        offline=True,
    )


@cache
def _text(name: str) -> str:
    return (files("identity.verifiable") / "schemas" / f"{name}.json").read_text(encoding="utf-8")


def _is_did(text: str) -> bool:
    try:
        return parse_url(text).is_plain
    except DidError:
        return False


def _is_address(text: str) -> bool:
    return is_checksum_address(text)


def _is_zone(text: str) -> bool:
    """An mRID, or an Energy Identification Code with the right check character."""
    if len(text) != _EIC_LENGTH:
        return True  # an mRID, whose pattern says it all
    values = [_EIC_ALPHABET.find(character) for character in text]
    total = sum(value * (_EIC_LENGTH - place) for place, value in enumerate(values[:-1]))
    return values[-1] == 36 - (total - 1) % 37
