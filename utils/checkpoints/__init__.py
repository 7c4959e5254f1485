"""Checkpoints: saved, verified, chosen and restored."""
