"""Who is asking, and what it may do: sign-in with Ethereum, sessions, API keys, scopes."""
