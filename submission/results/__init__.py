"""What a folder of runs amounts to: means, paired differences, published rows and pictures."""
