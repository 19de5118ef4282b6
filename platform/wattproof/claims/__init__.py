"""Claims: the readings that show what an account did against its baseline."""
