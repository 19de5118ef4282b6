"""Demand response: programmes, who is enrolled, events and what they paid."""
