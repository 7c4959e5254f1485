"""The version of this program, which checkpoints record, and its folder."""

import os

VERSION = "0.12.0"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
