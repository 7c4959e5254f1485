"""A training run: its start, its steps, its files, its metrics and warnings, and its report."""
