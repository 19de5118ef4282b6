"""Digital twin of an industrial park: electricity, gas, heat at three levels, cooling, hydrogen."""
