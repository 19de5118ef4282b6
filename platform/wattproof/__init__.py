"""The platform: API, command line, ledger gateway, store and workers."""
