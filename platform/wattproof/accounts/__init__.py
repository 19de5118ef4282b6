"""Accounts in the ledger: balances, deposits, margins, credentials."""
