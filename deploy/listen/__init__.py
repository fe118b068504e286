"""Scenes of a stream of sound, answered as it comes."""
