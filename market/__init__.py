"""Units, orders, clearing and settlement; one folder a market."""
