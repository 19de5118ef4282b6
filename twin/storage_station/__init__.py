"""An energy storage station: arbitrage, peak shaving, valley filling, operation, sizing."""
