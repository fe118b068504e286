"""Run-time for devices: front end, classifier and benchmark, on numpy and one interpreter."""
