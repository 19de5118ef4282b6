"""Quotas of green certificates: who owes how many, what was surrendered, and what lacked."""
