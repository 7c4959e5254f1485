"""Settings: their rules and defaults, params files, the command line, --help, and the startup lines.

This module also defines the program's version, which checkpoints record, and its folder.
"""

import os

VERSION = "0.18.0"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
