"""From the runs of five splits to a validated challenge package."""
