"""The dispatch centre from the command line: every command is a REST call with your own key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.dispatch_arguments import read_edit, read_json, read_meter, read_place
from wattproof.cli.output import AsJson, print_json, working

if TYPE_CHECKING:
    from wattproof.cli.rest import RestClient

app = caller_group(
    "Review, edit, approve and send plans (dispatchers); answer them (participants)."
)

Number = Annotated[int, typer.Argument(metavar="PLAN", min=1, help="Number of the plan.")]
Version = Annotated[
    int,
    typer.Option(
        min=1, help="The version you looked at. If somebody changed the plan since, it is refused."
    ),
]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the plan.")]
InputsFile = Annotated[Path, typer.Option("--inputs", help="JSON that the market's planner reads.")]


@app.command("list")
def list_plans(
    caller: typer.Context,
    market: Annotated[int | None, typer.Option(min=0)] = None,
    period: Annotated[int | None, typer.Option(min=0)] = None,
    participant: Annotated[str | None, typer.Option(help="Address.")] = None,
    state: Annotated[str | None, typer.Option(help="proposed, edited, approved, sent, ...")] = None,
    as_json: AsJson = False,
) -> None:
    """List plans, newest first."""
    with _desk(caller) as client:
        found = client.get(
            "/dispatch/plans",
            market=market,
            period=period,
            participant=participant,
            state=state,
            limit=200,
        )
    _say(found, as_json, lambda tables: tables.plans(found["items"]))


@app.command()
def show(
    number: Number,
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Show a plan: where it stands, its figures, and the power of every line and slot."""
    with _desk(caller) as client:
        plan = client.get(f"/dispatch/plans/{number}")
    _show(plan, as_json, lines=True)


@app.command()
def propose(
    market: Annotated[int, typer.Option(min=0)],
    period: Annotated[int, typer.Option(min=0, help="Day since 1970 where periods are days.")],
    participant: Annotated[str, typer.Option(help="Address of who is to follow the plan.")],
    inputs: InputsFile,
    caller: typer.Context,
    round_number: Annotated[
        int, typer.Option("--round", min=0, help="Its orders go into this round; 0: any.")
    ] = 0,
    meter: Annotated[
        list[str] | None,
        typer.Option(help="LINE=ACCOUNT:CARRIER, the meter of a line; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let the market's optimiser propose a plan."""
    body = {
        "market": market,
        "period": period,
        "participant": participant,
        "round": round_number,
        "meters": [read_meter(text) for text in meter or []],
        "inputs": read_json(inputs),
    }
    with (
        _desk(caller) as client,
        working("solving", quiet=as_json),
    ):
        plan = client.post("/dispatch/plans", body)
    _show(plan, as_json)


@app.command()
def edit(
    number: Number,
    version: Version,
    caller: typer.Context,
    fix: Annotated[
        list[str] | None,
        typer.Option("--set", help="LINE[SLOT]=WATTS, consumption positive; may be repeated."),
    ] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="LINE[SLOT] that the optimiser may choose again; may be repeated."),
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Newer inputs instead: JSON the planner reads.")
    ] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Fix values of a plan, free fixed ones, or bring newer inputs; then `solve` it again."""
    if inputs is not None and (fix or clear):
        raise typer.BadParameter("bring newer inputs and edit in two commands")
    body: dict[str, Any] = {"version": version}
    if inputs is not None:
        path = f"/dispatch/plans/{number}/inputs"
        body["inputs"] = read_json(inputs)
    else:
        path = f"/dispatch/plans/{number}/edits"
        body["fix"] = [read_edit(text) for text in fix or []]
        body["clear"] = [read_place(text) for text in clear or []]
        body["reason"] = reason
    with _desk(caller) as client:
        plan = client.post(path, body)
    _show(plan, as_json)


@app.command()
def solve(
    number: Number,
    version: Version,
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Solve a plan again with its edits fixed; says which edits cannot stand together."""
    with (
        _desk(caller) as client,
        working("solving", quiet=as_json),
    ):
        plan = client.post(f"/dispatch/plans/{number}/solution", {"version": version})
    _show(plan, as_json)


@app.command()
def diff(
    number: Number,
    caller: typer.Context,
    to: Annotated[
        str, typer.Option(help="`unedited`: what the edits cost; `proposal`: the first plan.")
    ] = "unedited",
    as_json: AsJson = False,
) -> None:
    """Show what a plan changes in cost, peak and comfort, and in which slots."""
    with _desk(caller) as client:
        found = client.get(f"/dispatch/plans/{number}/difference", to=to)
    _say(found, as_json, lambda tables: tables.difference(found))


@app.command()
def approve(
    number: Number,
    version: Version,
    reason: Reason,
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Sign a plan's hash with your key. The hash is computed here, from the plan shown."""
    with _desk(caller) as client:
        from wattproof.cli.signing import sign_approval

        plan = client.post(
            f"/dispatch/plans/{number}/approval", sign_approval(client, number, version, reason)
        )
    _show(plan, as_json)


@app.command()
def send(
    number: Number,
    version: Version,
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Send an approved plan to its participant."""
    with _desk(caller) as client:
        plan = client.post(f"/dispatch/plans/{number}/instruction", {"version": version})
    _show(plan, as_json)


@app.command()
def measure(
    number: Number,
    version: Version,
    caller: typer.Context,
    observed: Annotated[
        Path | None, typer.Option(help="JSON of what was seen beside the meters.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare an acknowledged plan with its final readings and correct the twin."""
    body = {"version": version, "observed": read_json(observed) if observed else {}}
    with _desk(caller) as client:
        plan = client.post(f"/dispatch/plans/{number}/measurement", body)
    _show(plan, as_json)


@app.command()
def history(
    number: Number,
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Show every step a plan took, who took it and when."""
    with _desk(caller) as client:
        found = client.get(f"/dispatch/plans/{number}/steps")
    _say(found, as_json, lambda tables: tables.steps(found["items"]))


@app.command()
def inbox(
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """List the plans that were sent to you."""
    with _own(caller) as client:
        found = client.get("/dispatch/instructions", limit=200)
    _say(found, as_json, lambda tables: tables.plans(found["items"]))


@app.command()
def acknowledge(
    number: Number,
    version: Version,
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Say that you will follow a plan that was sent to you."""
    with _own(caller) as client:
        plan = client.post(f"/dispatch/instructions/{number}/acknowledgement", {"version": version})
    _show(plan, as_json)


@app.command()
def refuse(
    number: Number,
    version: Version,
    reason: Reason,
    caller: typer.Context,
    as_json: AsJson = False,
) -> None:
    """Say that you will not follow a plan that was sent to you, and why."""
    with _own(caller) as client:
        plan = client.post(
            f"/dispatch/instructions/{number}/refusal", {"version": version, "reason": reason}
        )
    _show(plan, as_json)


def _desk(caller: typer.Context) -> AbstractContextManager[RestClient]:
    return _signed_in(caller, "participant", "dispatcher")


def _own(caller: typer.Context) -> AbstractContextManager[RestClient]:
    return _signed_in(caller, "participant")


def _signed_in(caller: typer.Context, *scopes: str) -> AbstractContextManager[RestClient]:
    given: Caller = caller.obj
    return given.sign_in("dispatch", *scopes)


def _say(found: Any, as_json: bool, show: Callable[[Any], None]) -> None:
    """JSON, or what ``show`` makes of the tables' module."""
    if as_json:
        print_json(found)
        return
    from wattproof.cli import dispatch_tables

    show(dispatch_tables)


def _show(plan: dict[str, Any], as_json: bool, *, lines: bool = False) -> None:
    _say(plan, as_json, lambda tables: tables.plan(plan, lines=lines))
