"""The technical report of a submission: a draft as PDF, and its source for editing."""
