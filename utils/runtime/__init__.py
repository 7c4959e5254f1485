"""The machine and the process: devices, workers, signals, locks, and the import of TensorFlow."""
