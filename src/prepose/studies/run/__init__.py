"""A study carried out: its folder, its worlds, its trials, their costs, a forecast."""
