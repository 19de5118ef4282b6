"""One settings model for both profiles; every field is an environment variable WATTPROOF_<NAME>.

Secrets are never settings: signing keys live in encrypted key files (scaled profile) or are the
devnet's public development accounts (embedded profile).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class Profile(StrEnum):
    """Where the platform runs: all in one process and folder, or on services."""

    EMBEDDED = "embedded"
    SCALED = "scaled"


class Settings(BaseSettings):
    """How one installation runs."""

    model_config = SettingsConfigDict(env_prefix="WATTPROOF_", extra="ignore", frozen=True)

    profile: Profile = Profile.EMBEDDED
    data_dir: Path = Field(
        default=Path.home() / ".local" / "share" / "wattproof",
        description="Everything the embedded profile keeps: database, chain state, deployment.",
    )
    database_url: str = Field(
        default="", description="SQLAlchemy address; empty: SQLite inside data_dir."
    )
    rpc_url: str = Field(
        default="", description="JSON-RPC address of the chain; empty: the embedded node."
    )
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", description="Broker of the workers.")
    redis_prefix: str = Field(
        default="wattproof:", description="Before every key of the broker, if Redis is shared."
    )
    deployment_file: Path | None = Field(
        default=None,
        description="Addresses of the contracts; default: deployment.json in data_dir.",
    )
    keystore_dir: Path | None = Field(
        default=None, description="Encrypted key files of the platform's signers (mode 0600)."
    )
    keystore_passphrase_file: Path | None = Field(
        default=None, description="File (mode 0600) that holds the key files' passphrase."
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str = Field(
        default="",
        description="Address under which people reach the API; sign-in messages name it.",
    )
    rate_limits: bool | None = Field(
        default=None, description="Limit requests per caller; unset: in the scaled profile only."
    )
    rate_caller_per_minute: int = Field(
        default=1_200, ge=1, le=1_000_000, description="Requests of one signed-in principal."
    )
    rate_address_per_minute: int = Field(
        default=300,
        ge=1,
        le=1_000_000,
        description="Requests without a valid token from one client address.",
    )
    relays_per_caller_a_day: int = Field(
        default=20,
        ge=0,
        description="Signed changes (of DIDs, of delegates) that the operator pays for, of one "
        "caller; 0: none.",
    )
    relays_a_day: int = Field(
        default=500, ge=0, description="The same, of all callers together; 0: none."
    )
    confirmations: int = Field(
        default=0, ge=0, description="Blocks on top of one before the indexer believes it."
    )
    chain_time: bool = Field(
        default=False,
        description="Scaled profile: take the time from the chain (a test chain ahead of ours).",
    )
    rpc_timeout_s: float = Field(default=30.0, gt=0)
    rpc_batch: int = Field(default=200, ge=1, description="Requests in one JSON-RPC batch.")
    index_blocks: int = Field(default=500, ge=1, description="Blocks indexed in one transaction.")
    stuck_after_s: float = Field(
        default=60.0, gt=0, description="A transaction pending for longer gets a higher fee."
    )
    fee_bump_percent: int = Field(default=25, ge=10)
    max_fee_gwei: int = Field(default=500, ge=1, description="No transaction ever bids more.")
    transaction_gas_limit: int = Field(
        default=16_777_216, description="Gas one transaction may use (EIP-7825)."
    )
    chunk_orders: int = Field(
        default=1_200, ge=1, description="Orders in one chunk of a settlement too big for one call."
    )
    dispatch_inputs_age_s: int = Field(
        default=6 * 3_600, ge=1, description="An approved plan rests on inputs no older than this."
    )
    keep_dispatch_days: int = Field(
        default=365,
        ge=0,
        le=36_500,
        description="Plans of dispatch of whoever asked for erasure go so long after their period.",
    )
    analytics_accounts_min: int = Field(
        default=10, ge=2, description="Sums of readings are over at least so many accounts."
    )
    analytics_period_milli: int = Field(
        default=1_000,
        ge=1,
        le=100_000,
        description="Epsilon, in thousandths, that all sums of one market's period may cost.",
    )
    analytics_account_milli: int = Field(
        default=5_000,
        ge=1,
        le=1_000_000,
        description="The same of an account, of readings of any analytics_window_days.",
    )
    analytics_window_days: int = Field(default=30, ge=1, le=3_660)
    collect_certificates: bool = Field(
        default=True,
        description="Collect bought certificates for their owners; off: each collects its own.",
    )
    area: str = Field(
        default="",
        pattern=r"^(?:|[0-9]{2}Y[0-9A-Z-]{12}[0-9A-Z]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
        description="Area that credentials name where nobody says: an Energy Identification Code "
        "(type Y) or an mRID; empty: an mRID of the installation's own.",
    )
    issuer_organisations: dict[_Address, str] = Field(
        default={},
        description="Organisations of accredited issuers, by address (JSON): those of one "
        "organisation count as one in trusted profiles.",
    )
    tick_s: float = Field(default=0.25, gt=0, description="Pause between looks at the database.")

    @model_validator(mode="after")
    def _scaled_names_its_services(self) -> Self:
        if self.profile is Profile.SCALED:
            missing = [
                name
                for name in ("database_url", "rpc_url", "keystore_dir")
                if not getattr(self, name)
            ]
            if missing:
                names = ", ".join(f"WATTPROOF_{name.upper()}" for name in missing)
                raise ValueError(f"the scaled profile needs {names}")
        return self

    @property
    def database(self) -> str:
        """The database's address, with the profile's default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'wattproof.db'}"

    @property
    def public_address(self) -> str:
        """Where people reach the API, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def deployment_path(self) -> Path:
        """Where the contracts' addresses are written."""
        return self.deployment_file or self.data_dir / "deployment.json"

    @property
    def chain_state_path(self) -> Path:
        """Where the embedded node keeps its chain."""
        return self.data_dir / "chain.json"
