"""Saving, verifying, selecting and restoring checkpoints."""
