"""Weather from files (EPW, CSV) or a clear sky, on the slots of a horizon."""
