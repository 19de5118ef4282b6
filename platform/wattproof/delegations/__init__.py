"""Session delegates: who signs orders for whom, within which bounds."""
