"""A trained generator that draws samples; their noise, numbers, classes and file names."""
