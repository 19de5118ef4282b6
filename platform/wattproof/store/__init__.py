"""The database: engines, sessions, column types and migrations."""
