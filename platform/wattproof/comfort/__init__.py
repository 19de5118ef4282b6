"""What the customers of a building feel: votes from their phones, counted by zone and hour."""
