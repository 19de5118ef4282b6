"""Markets and the life of their rounds: open, gate, clear, settle, close."""
