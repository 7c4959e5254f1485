"""The generator as files for other programs, and as a web page."""
