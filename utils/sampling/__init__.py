"""A trained generator, and the noise, numbers, classes and file names of its samples."""
