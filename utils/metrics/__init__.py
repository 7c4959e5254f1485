"""Metrics: samples compared with real images, in training and with `evaluate = 1`."""
