"""Do all exported forms of a network decide alike, and which layers are noisy?"""
