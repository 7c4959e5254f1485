"""Which settings in the params files differ from the committed ones, without a second copy of their values.

committed.txt holds a CRC-32 of each committed value. A setting without one counts as unchanged, so that a new setting
needs no line there. After a change of the committed values, renew it: `python -m utils.config.committed`.
"""

import os
import zlib

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "committed.txt")
COMMAND = "python -m utils.config.committed"


def checksum(name, value):
    """Return the CRC-32 of a setting as 8 hexadecimal digits."""
    return f"{zlib.crc32(f'{name} = {value!a}'.encode('ascii')):08x}"


def changed(entries):
    """Return the names in {name: params_file.Entry} whose values are not the committed ones."""
    known = _read()
    return [name for name, entry in entries.items() if known.get(name) not in (None, checksum(name, entry.value))]


def _read():
    """Return {name: checksum}; without the file, nothing counts as changed: it only serves the print at the start."""
    try:
        with open(PATH, encoding="ascii", errors="replace") as file:
            return dict(line.split(None, 1) for line in file.read().splitlines() if len(line.split()) == 2)
    except OSError:
        return {}


def lines(files):
    """Return the text of committed.txt for {file: {name: params_file.Entry}}."""
    entries = {name: entry for file_entries in files.values() for name, entry in file_entries.items()}
    return "".join(f"{name} {checksum(name, entry.value)}\n" for name, entry in entries.items())


if __name__ == "__main__":
    from utils.config import settings

    with open(PATH, "w", encoding="ascii") as file:
        file.write(lines(settings.read_files()))
