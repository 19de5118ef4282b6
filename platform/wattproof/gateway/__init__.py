"""Everything that talks to the chain: calls, the transactional outbox, signing."""
