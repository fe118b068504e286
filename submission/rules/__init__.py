"""The rules of a submission, and a check for each."""
