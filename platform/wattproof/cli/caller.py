"""Options of command groups that call an installation over REST, and who calls with them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wattproof.cli.rest import RestClient, RestReader

KeyFile = Annotated[
    Path | None,
    typer.Option(
        envvar="WATTPROOF_KEY",
        help="Your key file (`wattproof keys new` makes one).",
        show_default=False,
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        envvar="WATTPROOF_PASSPHRASE_FILE",
        help="File (mode 0600) with the key's passphrase; without it you are asked.",
        show_default=False,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        help="Address of the API; default: what `wattproof up` serves here.", show_default=False
    ),
]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the installation served here.", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls which installation."""

    key: Path | None
    passphrase_file: Path | None
    url: str | None
    data_dir: Path | None

    def visit(self) -> AbstractContextManager[RestReader]:
        """Read what anybody may, without a key."""
        from wattproof.cli.rest import anonymous

        return anonymous(self.url, self.data_dir)

    def sign_in(self, group: str, *scopes: str) -> AbstractContextManager[RestClient]:
        """Raises BadParameter without a key; `group` is the command group to name then."""
        from wattproof.cli.rest import signed_in

        if self.key is None:
            raise typer.BadParameter(
                f"name your key file: wattproof {group} --key FILE ..., or set WATTPROOF_KEY",
                param_hint="--key",
            )
        if not self.key.is_file():
            raise typer.BadParameter(f"there is no file {self.key}", param_hint="--key")
        return signed_in(self.url, self.data_dir, self.key, self.passphrase_file, scopes)


def caller_group(said: str) -> typer.Typer:
    """A command group whose options say who calls which installation.

    Its commands find a `Caller` in their context's ``obj``.

    Args:
        said: help of the group.
    """
    app = typer.Typer(no_args_is_help=True)

    @app.callback(help=said)
    def caller_of(
        caller: typer.Context,
        key: KeyFile = None,
        passphrase_file: PassphraseFile = None,
        url: Url = None,
        data_dir: DataDir = None,
    ) -> None:
        caller.obj = Caller(key, passphrase_file, url, data_dir)

    return app
