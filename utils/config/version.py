"""The version of this program, which checkpoints name and --version prints."""

VERSION = "0.10.0"
