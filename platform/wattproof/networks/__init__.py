"""Networks: what a market's lines are, and the orders that its network account signs."""
