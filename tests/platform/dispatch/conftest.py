"""A dispatch centre on a real platform: an EV battery market, a pile operator, two dispatchers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from devnet import AnvilNode, NodeOptions, accounts
from market.dispatch import DispatchPlan, Edit
from market.ev_battery.rules import RULES
from market.order import Leg, Order, order_hash, sign_order
from market.product import Product
from market.units import SCALE
from tests.platform.noon import NOON
from wattproof.accounts import service as ledger
from wattproof.dispatch import approval, editing, instruction, planning
from wattproof.dispatch.history import Standing
from wattproof.dispatch.record import open_record
from wattproof.gateway.clock import ChainClock
from wattproof.gateway.keys import Role
from wattproof.orders import service as orders
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.runtime import Platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle

SLOTS = 96
DAY_S = 86_400
PARTICIPANT, DISPATCHER, SECOND, STRANGER = (
    accounts.account(accounts.FIRST_TRADER + number) for number in range(4)
)
MARGIN = 1_000_000_000


@dataclass
class Centre:
    """Short ways to act at the dispatch centre; every one is its own transaction."""

    platform: Platform
    market: int
    day: int
    fleet_inputs: Callable[..., dict[str, Any]]
    participant: LocalAccount = PARTICIPANT
    dispatcher: LocalAccount = DISPATCHER
    second: LocalAccount = SECOND
    stranger: LocalAccount = STRANGER
    salt: int = 0
    receipts: list[str] = field(default_factory=list)

    def now(self) -> int:
        return self.platform.clock.now()

    def move_to(self, timestamp: int) -> None:
        clock = self.platform.clock
        assert isinstance(clock, ChainClock)
        clock.advance_to(timestamp)

    def inputs(self, **changes: Any) -> dict[str, Any]:
        return self.fleet_inputs(self.day, **changes)

    def open_round(self, gate_in: int = 7_200) -> int:
        with self.platform.transaction() as session:
            number = rounds.open_round(
                self.platform,
                session,
                self.market,
                gate_at=self.now() + gate_in,
                first_slot=self.day * SLOTS,
                slots=SLOTS,
            ).number
        run_until_idle(self.platform)
        return number

    def propose(self, *, round: int = 0, inputs: Mapping[str, Any] | None = None) -> int:
        drafted = planning.draft(
            self.platform,
            planning.Proposal(
                market=self.market,
                period=self.day,
                participant=str(self.participant.address),
                round=round,
                inputs=inputs or self.inputs(),
                meters={"ada": (str(self.participant.address), 0)},
            ),
        )
        with self.platform.transaction() as session:
            record = planning.propose(self.platform, session, str(self.dispatcher.address), drafted)
        return record.number

    def standing(self, number: int) -> Standing:
        with self.platform.transaction() as session:
            return open_record(self.platform, session, number).standing

    def plan(self, number: int) -> DispatchPlan:
        with self.platform.transaction() as session:
            return open_record(self.platform, session, number).plan()

    def edit(
        self,
        number: int,
        *edits: Edit,
        version: int | None = None,
        clear: Sequence[tuple[str, int]] = (),
        actor: LocalAccount | None = None,
    ) -> Standing:
        version = self.standing(number).version if version is None else version
        with self.platform.transaction() as session:
            return editing.edit(
                self.platform,
                session,
                str((actor or self.dispatcher).address),
                number,
                version,
                fix=edits,
                clear=clear,
            ).standing

    def renew(self, number: int, inputs: Mapping[str, Any]) -> Standing:
        version = self.standing(number).version
        with self.platform.transaction() as session:
            return editing.renew(
                self.platform, session, str(self.dispatcher.address), number, version, inputs
            ).standing

    def solve(self, number: int) -> Standing:
        solution = planning.solve(self.platform, number, self.standing(number).version)
        with self.platform.transaction() as session:
            return planning.resolve(
                self.platform, session, str(self.dispatcher.address), solution
            ).standing

    def approve(
        self,
        number: int,
        *,
        actor: LocalAccount | None = None,
        reason: str = "as the forecast wants it",
        signature: bytes | None = None,
        approved_at: int | None = None,
        version: int | None = None,
    ) -> Standing:
        actor = actor or self.dispatcher
        standing = self.standing(number)
        at = self.now() if approved_at is None else approved_at
        said = approval.message(standing, reason, at)
        signed = signature or said.sign(self.platform.domain, bytes(actor.key))
        with self.platform.transaction() as session:
            return approval.approve(
                self.platform,
                session,
                str(actor.address),
                number,
                standing.version if version is None else version,
                reason=reason,
                approved_at=at,
                signature=signed,
            ).standing

    def send(self, number: int) -> Standing:
        with self.platform.transaction() as session:
            version = open_record(self.platform, session, number).standing.version
            return approval.send(
                self.platform, session, str(self.dispatcher.address), number, version
            ).standing

    def acknowledge(self, number: int, actor: LocalAccount | None = None) -> Standing:
        actor = actor or self.participant
        with self.platform.transaction() as session:
            version = open_record(self.platform, session, number).standing.version
            return instruction.acknowledge(
                self.platform, session, str(actor.address), number, version
            ).standing

    def acknowledged(self, *, round: int = 0) -> int:
        """A plan that went all the way to its participant's word."""
        number = self.propose(round=round)
        self.approve(number)
        self.send(number)
        self.acknowledge(number)
        return number

    def order(self, round: int, slot: int, wh: int, *, day: int | None = None) -> str:
        """The participant buys in a slot of the day; the receipted order's hash."""
        self.salt += 1
        product = Product(0, 0, (self.day if day is None else day) * SLOTS + slot).id
        order = Order(
            market=self.market,
            round=round,
            legs=(Leg(product, SCALE),),
            max_units=wh,
            limit=300_000_000,
            trader=str(self.participant.address),
            epoch=0,
            salt=self.salt,
        )
        domain = self.platform.domain
        signature = sign_order(domain, order, bytes(self.participant.key))
        with self.platform.transaction() as session:
            orders.submit(self.platform, session, order, signature)
        return "0x" + order_hash(domain, order).hex()

    def record_orders(self, number: int, *digests: str) -> Standing:
        with self.platform.transaction() as session:
            return instruction.record_orders(
                self.platform, session, str(self.participant.address), number, digests
            ).standing


@dataclass
class Template:
    """An installation that every test gets a copy of."""

    folder: Path
    node: AnvilNode
    snapshot: str


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """Made once: an EV battery market open to everybody, and two dispatchers' credentials."""
    folder = tmp_path_factory.mktemp("dispatch-template")
    with AnvilNode(NodeOptions(chain_id=31_345, genesis_timestamp=NOON)) as running:
        with open_platform(Settings(data_dir=folder, rpc_url=running.url)) as opened:
            _set_up(opened)
        yield Template(folder, running, running.rpc("evm_snapshot"))


@pytest.fixture
def centre(platform: Platform, fleet_inputs: Callable[..., dict[str, Any]]) -> Centre:
    """A dispatch centre that plans for tomorrow."""
    return Centre(platform, 1, platform.clock.now() // DAY_S + 1, fleet_inputs)


def _set_up(platform: Platform) -> None:
    address = str(PARTICIPANT.address)
    platform.keys.add(PARTICIPANT)
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
        rounds.create_market(platform, session, "ev_battery", RULES)
    run_until_idle(platform)
    with platform.transaction() as session:
        for dispatcher in (DISPATCHER, SECOND, PARTICIPANT):
            ledger.register(platform, session, str(dispatcher.address), "dispatcher")
        funded = ledger.fund_accounts(platform, session, {address: MARGIN * 2}, key="traders")
        ledger.ledger_call(
            platform, session, address, "addMargin", 1, MARGIN, key="first", after=funded
        )
        for role in (Role.BALANCING, Role.OPERATOR):
            ledger.post_bond(platform, session, role, 1, MARGIN)
    run_until_idle(platform)
