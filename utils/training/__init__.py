"""A training run: its starting point, steps, output files, metrics, warnings and report."""
