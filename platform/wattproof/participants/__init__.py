"""Who takes part: registration, identifier, credentials."""
