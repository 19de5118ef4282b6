"""Key files: encrypted, mode 0600, opened with a passphrase."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wattproof.cli.output import AsJson, print_facts, print_json

app = typer.Typer(help="Make and look at encrypted key files.", no_args_is_help=True)

PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="File (mode 0600) with the passphrase; without it you are asked."),
]


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="Where to write the key file.")],
    passphrase_file: PassphraseFile = None,
    is_ed25519: Annotated[
        bool,
        typer.Option("--ed25519", help="A key that signs credentials (did:key), and no account."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key and write it encrypted (scrypt), for its owner alone; never overwrites."""
    from identity.signer import LocalSigner
    from identity.verifiable import key_file

    if is_ed25519:
        passphrase = ask_passphrase(passphrase_file, confirm=True)
        _show_did(key_file.save(key_file.generate(), path, passphrase), path, as_json)
        return
    signer = LocalSigner.generate()
    signer.save(path, ask_passphrase(passphrase_file, confirm=True))
    _show(signer.address, path, as_json)


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A key file.")],
    passphrase_file: PassphraseFile = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also open it with its passphrase.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the address of a key file, or its did:key; the key itself is never shown."""
    from identity.signer import LocalSigner, keystore_address
    from identity.verifiable import key_file

    name = key_file.did_of_file(path)
    if name is not None:
        if check or passphrase_file is not None:
            key_file.open_key(path, ask_passphrase(passphrase_file, confirm=False))
        _show_did(name, path, as_json)
        return
    address = keystore_address(path)
    if check or passphrase_file is not None:
        address = LocalSigner.open(path, ask_passphrase(passphrase_file, confirm=False)).address
    _show(address, path, as_json)


@app.command()
def agent(
    path: Annotated[Path, typer.Argument(help="A key file.")],
    socket: Annotated[
        Path, typer.Option(help="Where to listen, such as KEYSTORE/operator.sock; mode 0600.")
    ],
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Hold a key and sign for programs of this account over a socket; ends with Ctrl-C."""
    import signal
    from threading import Event

    from identity.key_agent import KeyAgent
    from identity.signer import LocalSigner

    signer = LocalSigner.open(path, ask_passphrase(passphrase_file, confirm=False))
    stopped = Event()
    with KeyAgent(socket, signer) as server:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stopped.set())
        _show(signer.address, socket, as_json)
        sys.stdout.flush()
        server.serve_until(stopped)


def ask_passphrase(path: Path | None, *, confirm: bool) -> str:
    """The passphrase of a file, or what somebody types. Raises KeystoreError if nobody is there."""
    from identity.errors import KeystoreError
    from identity.signer import read_passphrase

    if path is not None:
        return read_passphrase(path)
    if not sys.stdin.isatty():
        raise KeystoreError("nobody is there to ask; name a file with --passphrase-file")
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))


def _show(address: str, path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"address": address, "path": str(path)})
    else:
        print_facts("Key", {"address": address, "file": path})


def _show_did(name: str, path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"did": name, "path": str(path)})
    else:
        print_facts("Key", {"did": name, "file": path})
