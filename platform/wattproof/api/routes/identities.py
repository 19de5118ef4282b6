"""Resolving DIDs (the W3C's HTTP binding of DID resolution), and DID documents of addresses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from identity import did
from identity.did import Dereferenced, Resolution, ResolutionCode, Wanted
from identity.did.resolution import JSON, JSON_LD
from wattproof.api.access import PlatformDep, Public
from wattproof.api.fields import Address
from wattproof.api.problems import responses
from wattproof.errors import InvalidError, NotFoundError
from wattproof.identities import service

router = APIRouter(tags=["identities"])

_ADDRESS: Final = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
_EXAMPLE: Final[JsonDict] = {
    "didDocument": {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": f"did:ethr:0x7a69:{_ADDRESS}",
        "verificationMethod": [
            {
                "id": f"did:ethr:0x7a69:{_ADDRESS}#controller",
                "type": "EcdsaSecp256k1RecoveryMethod2020",
                "controller": f"did:ethr:0x7a69:{_ADDRESS}",
                "blockchainAccountId": f"eip155:31337:{_ADDRESS}",
            }
        ],
        "authentication": [f"did:ethr:0x7a69:{_ADDRESS}#controller"],
        "assertionMethod": [f"did:ethr:0x7a69:{_ADDRESS}#controller"],
    },
    "didResolutionMetadata": {"contentType": JSON_LD},
    "didDocumentMetadata": {"versionId": "17", "updated": "2026-11-01T12:00:00Z"},
}
_CODES: Final = {
    ResolutionCode.INVALID_DID: "invalid_did",
    ResolutionCode.INVALID_DID_URL: "invalid_did_url",
    ResolutionCode.INVALID_DID_DOCUMENT: "invalid_did_document",
    ResolutionCode.METHOD_NOT_SUPPORTED: "method_not_supported",
    ResolutionCode.REPRESENTATION_NOT_SUPPORTED: "representation_not_supported",
}


class DidResolution(BaseModel):
    """A resolution result; a deactivated DID has a document that nothing speaks for."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    did_document: dict[str, Any] = Field(serialization_alias="didDocument")
    resolution: dict[str, Any] = Field(serialization_alias="didResolutionMetadata")
    metadata: dict[str, Any] = Field(
        serialization_alias="didDocumentMetadata",
        description="deactivated, versionId, updated, nextVersionId, nextUpdate",
    )


class DidDereferencing(BaseModel):
    """What a DID URL with a fragment points at."""

    content: dict[str, Any]
    dereferencing: dict[str, Any] = Field(serialization_alias="dereferencingMetadata")
    metadata: dict[str, Any] = Field(serialization_alias="contentMetadata")


@router.get(
    "/identifiers/{identifier}",
    dependencies=[Public],
    response_model=DidResolution | DidDereferencing,
    responses=responses(404, 422, 503),
)
def resolve_identifier(
    identifier: Annotated[
        str,
        Path(
            max_length=2_048,
            description="A DID or a DID URL; write `?` and `#` of it as %3F and %23.",
            examples=[f"did:ethr:0x7a69:{_ADDRESS}"],
        ),
    ],
    platform: PlatformDep,
    version_id: Annotated[
        str | None,
        Query(alias="versionId", max_length=18, description="The version of a block (did:ethr)."),
    ] = None,
    version_time: Annotated[
        datetime | None, Query(alias="versionTime", description="The version valid at a time.")
    ] = None,
    accept: Annotated[str, Header(description=f"{JSON_LD} or {JSON}")] = JSON_LD,
) -> JSONResponse:
    """The document of a DID, now or in the past, or what a DID URL points at.

    Problems have the codes of DID resolution: `invalid_did` (it is none), `invalid_did_url`,
    `not_found` (no such version, or part of the document), `method_not_supported`. That a DID was
    deactivated is no problem but an answer: `didDocumentMetadata.deactivated`.
    """
    wanted = Wanted(version_id, None if version_time is None else int(version_time.timestamp()))
    resolver = service.resolver(platform)
    representation = JSON if accept == JSON else JSON_LD
    if "#" in identifier:
        if wanted.is_past:
            raise InvalidError("put versionId or versionTime inside the DID URL, before the #")
        return _answer(resolver.dereference(identifier, accept=representation))
    return _answer(resolver.resolve(identifier, accept=representation, wanted=wanted))


@router.get(
    "/identities/{address}",
    dependencies=[Public],
    response_model=DidResolution,
    responses=responses(404, 422, 503),
)
def resolve_identity(address: Annotated[Address, Path()], platform: PlatformDep) -> JSONResponse:
    """The DID document of any address (did:ethr), from the registry on the chain."""
    name = str(did.of(address, platform.deployment.chain_id))
    return _answer(service.resolver(platform).resolve(name))


def _answer(result: Resolution | Dereferenced) -> JSONResponse:
    error = result.error
    if error is None:
        return JSONResponse(result.as_json())
    if error is ResolutionCode.NOT_FOUND:
        raise NotFoundError(result.message)
    raise InvalidError(result.message, code=_CODES[error])
