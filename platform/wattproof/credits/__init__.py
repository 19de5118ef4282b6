"""Energy credits: series, windows, who joined, and what holders do with them."""
