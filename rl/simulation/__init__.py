"""A run on a modelled cluster: the real scheduler and the real stream in virtual time."""
