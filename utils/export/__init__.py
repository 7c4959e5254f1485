"""Export the generator as files for other programs, and as a web page."""
