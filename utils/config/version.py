"""The version of this program, which checkpoints name and --version prints."""

VERSION = "0.11.0"
