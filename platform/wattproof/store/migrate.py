"""Bringing a database to the current schema, and writing new migrations.

``python -m wattproof.store.migrate "what changes"`` writes a migration from the difference between
the models and an empty, migrated database.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from wattproof.store.engine import make_engine

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number, the same in every process: serialises upgrades of a shared database.
_LOCK = 0x57A77


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine) -> None:
    """Create or upgrade all tables; does nothing when they are current."""
    config = _config()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revise(message: str) -> None:
    """Write a migration that turns the migrated schema into the models' one."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/schema.db")
        upgrade(engine)
        config = _config()
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message=message, autogenerate=True)
        engine.dispose()


if __name__ == "__main__":
    revise(sys.argv[1])
