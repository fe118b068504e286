"""Bad input on the command line: one sentence that helps, the right exit code, nothing half done.

Each case breaks one thing in a copy of a small, sound workplace and runs one command there.
"""
