"""What training clips go through: on the wave, on the log-mel, and between clips."""
