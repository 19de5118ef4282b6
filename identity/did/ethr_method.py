"""Resolving `did:ethr`, now and in the past. Versions are blocks: that of the last change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from identity.did.ethr import Change, parse
from identity.did.ethr_document import EthrDocument
from identity.did.resolution import Resolution, ResolutionCode, Wanted, failed
from identity.did.url import DidUrl
from identity.errors import DidError


class RegistryHistory(Protocol):
    """What a registry on one chain knows of an identity."""

    def changes(self, address: str) -> Sequence[Change]:
        """Its events, oldest first."""
        ...

    def time_of(self, block: int) -> int | None:
        """When a block was made, seconds; None where there is no such block (yet)."""
        ...

    def now(self) -> int:
        """Seconds, UTC."""
        ...


class EthrMethod:
    """Resolves did:ethr on the chains whose registry is known."""

    def __init__(self, registries: Mapping[int, RegistryHistory]) -> None:
        self._registries = dict(registries)

    def resolve(self, did: DidUrl, wanted: Wanted) -> Resolution:
        """See `Method`. An address without a history owns itself: there always is a document."""
        try:
            identity = parse(did.did)
        except DidError as error:
            return failed(ResolutionCode.INVALID_DID, str(error))
        registry = self._registries.get(identity.chain_id)
        if registry is None:
            return failed(
                ResolutionCode.NOT_FOUND, f"no registry of chain {identity.chain_id} is known here"
            )
        changes = registry.changes(identity.address)
        try:
            moment, counted = _until(registry, changes, wanted)
        except DidError as error:
            return failed(ResolutionCode.NOT_FOUND, str(error))
        builder = EthrDocument(identity, did.did)
        for change in changes[:counted]:
            builder.apply(change, moment)
            if builder.deactivated:
                break
        return Resolution(
            builder.document(), _metadata(registry, builder, [c.block for c in changes[counted:]])
        )


def _until(registry: RegistryHistory, changes: Sequence[Change], wanted: Wanted) -> tuple[int, int]:
    """The moment that is asked for, seconds, and how many changes had happened by then."""
    if wanted.version_id is not None:
        text = wanted.version_id
        block = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1
        moment = None if block < 0 else registry.time_of(block)
        if moment is None:
            raise DidError(f"there is no version {text!r}: versions of did:ethr are blocks")
        return moment, sum(change.block <= block for change in changes)
    if wanted.version_time is not None:
        if wanted.version_time > registry.now():
            raise DidError("the versionTime has not come yet")
        times = (registry.time_of(change.block) for change in changes)
        past = sum(time is not None and time <= wanted.version_time for time in times)
        return wanted.version_time, past
    return registry.now(), len(changes)


def _metadata(registry: RegistryHistory, builder: EthrDocument, later: list[int]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"deactivated": True} if builder.deactivated else {}
    if builder.version:
        metadata["versionId"] = str(builder.version)
        metadata["updated"] = _iso(registry, builder.version)
    if later:
        metadata["nextVersionId"] = str(min(later))
        metadata["nextUpdate"] = _iso(registry, min(later))
    return metadata


def _iso(registry: RegistryHistory, block: int) -> str:
    moment = registry.time_of(block)
    if moment is None:
        raise DidError(f"the registry names a change in block {block}, which does not exist")
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
