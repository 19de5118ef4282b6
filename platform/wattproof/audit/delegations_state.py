"""What the chain says of session delegates."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from market.delegation import Session


@dataclass(frozen=True, slots=True)
class Sessions:
    """An account's session in a market: `current` from round `from_round` on, `before` up to it."""

    from_round: int = 0
    current: Session | None = None
    before: Session | None = None

    def in_round(self, number: int) -> Session | None:
        """The session that a round is judged by."""
        return self.current if number >= self.from_round else self.before

    def changed(self, from_round: int, session: Session | None) -> Sessions:
        """After a change that acts from a round on."""
        before = self.current if from_round > self.from_round else self.before
        return Sessions(from_round, session, before)


@dataclass(slots=True)
class Delegations:
    """Everything the contract holds; ``nonces`` counts the changes of every account."""

    sessions: dict[tuple[int, str], Sessions] = field(default_factory=dict)
    named: defaultdict[tuple[int, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """By market and account whom it ever named."""
    nonces: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def session_of(self, market: int, account: str, number: int) -> Session | None:
        """The session that a round is judged by."""
        return self.sessions.get((market, account), Sessions()).in_round(number)
