"""DIDs on a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import typer

from wattproof.cli.output import print_facts, print_rows
from wattproof.terminal import Rows, printable

_RELATIONSHIPS: Final = ("authentication", "assertionMethod", "keyAgreement")
_KEYS: Final = (
    "blockchainAccountId",
    "publicKeyHex",
    "publicKeyBase64",
    "publicKeyBase58",
    "publicKeyMultibase",
)
_YEAR_9999: Final = 253_402_300_800


def created(made: Mapping[str, Any]) -> None:
    """A new DID."""
    print_facts("DID", {"did": made["did"], "key file": made["path"]})
    typer.echo(json.dumps(made["document"], indent=2))


def resolved(name: str, found: Mapping[str, Any]) -> None:
    """A document, or the part of one that a DID URL names."""
    document = found.get("didDocument", found.get("content"))
    metadata = found.get("didDocumentMetadata", found.get("contentMetadata")) or {}
    if metadata.get("deactivated"):
        typer.echo(f"{printable(name)} was deactivated: nobody speaks for it")
    facts = {"did": name, "changed": metadata.get("updated", "never")}
    if "versionId" in metadata:
        facts["version"] = metadata["versionId"]
    if "verificationMethod" not in document:
        part = {key: str(value) for key, value in document.items() if key != "@context"}
        print_facts("Part of a document", facts | part)
        return
    print_facts("Document", facts)
    methods = [
        (
            _fragment(each["id"]),
            each["type"],
            next((str(each[key]) for key in _KEYS if key in each), ""),
            ", ".join(part for part in _RELATIONSHIPS if each["id"] in document.get(part, [])),
        )
        for each in document["verificationMethod"]
        if isinstance(each, Mapping)
    ]
    if methods:
        print_rows(Rows("", ("key", "type", "value", "used for"), methods))
    services = [
        (_fragment(each["id"]), str(each["type"]), str(each["serviceEndpoint"]))
        for each in document.get("service", [])
    ]
    if services:
        print_rows(Rows("", ("service", "type", "where"), services))


def history(found: Mapping[str, Any]) -> None:
    """Every change of a DID."""
    controller = found["controller"] or "nobody: deactivated"
    print_facts("History", {"did": found["did"], "controller": controller})
    if not found["items"]:
        typer.echo("nothing was ever changed")
        return
    rows = [
        (
            str(each["block"]),
            each["time"],
            ("revoked " if each["revokes"] else "") + each["what"],
            ", ".join(f"{value}" for value in each["details"].values()),
            "" if each["revokes"] else _until(each["valid_to"]),
        )
        for each in found["items"]
    ]
    print_rows(Rows("", ("block", "time", "change", "what", "until"), rows, numbers=(0,)))


def changed(done: Mapping[str, Any]) -> None:
    """What was carried out, and what to know about it."""
    how = "signed, sent by the operator" if done["relayed"] else "in a transaction of its own"
    facts = {
        "did": done["did"],
        "how": how,
        "transaction": done["hash"],
        "block": done["block_number"],
        "controller": done.get("controller"),
        "key file": done.get("key"),
    }
    print_facts("Changed", {key: value for key, value in facts.items() if value is not None})
    for note in done.get("notes", []):
        typer.echo(f"- {note}")


def _fragment(name: str) -> str:
    return "#" + name.partition("#")[2]


def _until(valid_to: int | str | None) -> str:
    if valid_to is None:
        return ""
    if int(valid_to) >= _YEAR_9999:
        return "for ever"
    return datetime.fromtimestamp(int(valid_to), UTC).strftime("%Y-%m-%d %H:%M:%S")
