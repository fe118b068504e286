"""Timing a model on this machine, honestly."""
