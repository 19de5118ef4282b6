"""Who may call a restricted function (what OpenZeppelin's AccessManager decides on the chain)."""

from __future__ import annotations

from dataclasses import dataclass, field

from market.reference.errors import AccessManagedUnauthorized


@dataclass(slots=True)
class Authority:
    """Roles and who holds them. Delays are the AccessManager's own and not modelled here."""

    holders: dict[str, set[str]] = field(default_factory=dict)

    def grant(self, role: str, account: str) -> None:
        self.holders.setdefault(role, set()).add(account)

    def holds(self, role: str, account: str) -> bool:
        return account in self.holders.get(role, set())

    def require(self, role: str, account: str) -> None:
        """Raises AccessManagedUnauthorized unless `account` holds `role`."""
        if not self.holds(role, account):
            raise AccessManagedUnauthorized(f"{account} does not hold {role}")
