"""Why orders were filled or not, and the books and curves behind it, of rounds that are stored."""
