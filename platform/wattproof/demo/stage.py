"""The stage of a demo day: a fresh embedded platform, its clock, and what is done on its chain."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import col, func, select

from wattproof.accounts.service import UnsignedTransaction
from wattproof.demo.presentation import Presentation
from wattproof.errors import InvalidError, UnavailableError, WattproofError
from wattproof.gateway import outbox
from wattproof.gateway.clock import ChainClock
from wattproof.gateway.models import OutboxRow
from wattproof.profiles import open_platform
from wattproof.runtime import Platform
from wattproof.settings import Profile, Settings
from wattproof.tasks.flow import run_until_idle

_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A platform of its own, and what is shown of what happens there."""

    platform: Platform
    show: Presentation

    def now(self) -> int:
        """The chain's time, Unix seconds."""
        return self.platform.clock.now()

    def advance_to(self, timestamp: int) -> None:
        """Move the chain's time ahead, let the platform do what is due then."""
        clock = self.platform.clock
        assert isinstance(clock, ChainClock)  # the embedded profile has no other
        clock.advance_to(timestamp)
        self.rest()

    def rest(self) -> None:
        """Let the platform work until every write is mined and nothing moves any more.

        Raises:
            WattproofError: the chain refused a write; says which and why.
            UnavailableError: the chain did not mine a write in five minutes.
        """
        run_until_idle(self.platform, timeout_s=_PATIENCE_S, patience_s=_PATIENCE_S)
        with self.platform.transaction() as session:
            row = session.exec(
                select(OutboxRow)
                .where(col(OutboxRow.status) != outbox.MINED)
                .order_by(col(OutboxRow.status).in_(outbox.PENDING))
                .limit(1)
            ).first()
        if row is None:
            return
        if row.status in outbox.PENDING:
            raise UnavailableError(f"the write {row.key} was not mined in {_PATIENCE_S:.0f} s")
        raise WattproofError(f"the write {row.key} is {row.status}: {row.error}")

    def transact(self, sender: str, *calls: UnsignedTransaction) -> None:
        """Sign calls with the key of ``sender`` and send them in order, as its wallet does.

        Raises:
            WattproofError: the chain refused one; says which and why.
        """
        self.queue(sender, *calls)
        self.rest()

    def queue(self, sender: str, *calls: UnsignedTransaction) -> None:
        """The same without waiting for it: what several senders do is mined in one rest."""
        with self.platform.transaction() as session:
            before = session.exec(
                select(func.count()).select_from(OutboxRow).where(OutboxRow.signer == sender)
            ).one()
            for place, call in enumerate(calls):
                outbox.enqueue(
                    session,
                    key=f"{call.title}:{sender}:{before + place}",
                    signer=sender,
                    to=call.to,
                    data=call.data,
                    value_wei=call.value_wei,
                )


@contextmanager
def open_stage(data_dir: Path | None, show: Presentation) -> Iterator[Stage]:
    """Start a chain and deploy the contracts, in a folder that is kept or thrown away.

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
    """
    with _folder(data_dir) as folder:
        settings = Settings(
            profile=Profile.EMBEDDED,
            data_dir=folder,
            database_url="",
            rpc_url="",
            deployment_file=None,
        )
        with show.step("Chain and contracts") as step:
            opening = open_platform(settings)
            stage = Stage(opening.__enter__(), show)
            stage.rest()
            step.note(f"chain {stage.platform.deployment.chain_id}")
        try:
            yield stage
        finally:
            opening.__exit__(None, None, None)


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="wattproof-demo-") as folder:
            yield Path(folder)
        return
    if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
        raise InvalidError(f"{wanted} is not an empty folder: the demo day begins on a new chain")
    yield wanted
