"""Options that all commands have that change a DID."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

OfDid = Annotated[
    str | None,
    typer.Option("--did", help="Whose; default: your key's own.", show_default=False),
]
Relay = Annotated[
    bool, typer.Option("--relay", help="Sign it, and let the operator send it and pay.")
]
Sponsor = Annotated[
    Path | None,
    typer.Option(
        "--sponsor",
        help="With --relay: key file of who hands it in, if not the controller.",
        show_default=False,
    ),
]
SponsorPassphrase = Annotated[
    Path | None,
    typer.Option(
        "--sponsor-passphrase-file",
        help="Its passphrase, if not that of --key.",
        show_default=False,
    ),
]
ChainTime = Annotated[
    bool,
    typer.Option("--chain-time", help="With --relay: the chain's time may be ahead of ours."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Days = Annotated[
    float, typer.Option(min=1 / 86_400, max=36_500, help="Days until it ends by itself.")
]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a change is carried out.

    Attributes:
        did: whose; None: the key's own.
        relay: signed, and sent by the operator; else in a transaction of the controller's.
        sponsor: key file of who hands a signed change in; None: the controller itself.
        sponsor_passphrase_file: None: the controller's, or somebody is asked.
        chain_time: take the installation's time as it is, for a test chain ahead of ours.
    """

    did: str | None = None
    relay: bool = False
    sponsor: Path | None = None
    sponsor_passphrase_file: Path | None = None
    chain_time: bool = False


_OPTIONS = dict(
    zip(
        (each.name for each in fields(Manner)),
        (OfDid, Relay, Sponsor, SponsorPassphrase, ChainTime),
        strict=True,
    )
)


def changing(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of `Manner`, which it takes as its parameter ``manner``."""

    def run(**given: Any) -> None:
        command(manner=Manner(**{name: given.pop(name) for name in _OPTIONS}), **given)

    own = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        *(p.replace(kind=keyword) for p in own.parameters.values() if p.name != "manner"),
        *(
            inspect.Parameter(each.name, keyword, annotation=option, default=each.default)
            for each, option in zip(fields(Manner), _OPTIONS.values(), strict=True)
        ),
    ]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def seconds(days: float) -> int:
    """Whole seconds of so many days."""
    return round(days * 86_400)
