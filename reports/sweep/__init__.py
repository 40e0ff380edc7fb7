"""Grids of policy settings, played in virtual time."""
