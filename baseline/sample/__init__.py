"""A synthetic dataset in the layout of TAU: scenes, places and devices made by code."""
