"""Memory and start-up with many pictures: the whole program, on caches of 1,000 to 1,000,000 records.

    python benchmarks/scale.py [COUNT ...]

The records are synthetic: black, in a file that takes no room on the disk; the picture files are links to one, so that
the scan is real. Each run trains some steps of a small network. Prints the seconds from the start to the first lines of
progress, and the peak of the process's own memory (anonymous pages, without the page cache).
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils.config import settings
from utils.data import cache, prepare
from utils.data.records import checksums

ROOT = settings.ROOT
SIZE = 64
LINKS = 50000  # to one file; file systems have a limit
OPTIONS = ["--filters", "4", "--max_steps", "150", "--sample_every", "0", "--checkpoint_every", "0"]


def make_pictures(folder, count):
    for start in range(0, count, LINKS):
        os.makedirs(os.path.join(folder, "class %d" % start))
        first = os.path.join(folder, "class %d" % start, "0.png")
        Image.new("RGB", (SIZE, SIZE)).save(first)
        for i in range(1, min(LINKS, count - start)):
            os.link(first, os.path.join(folder, "class %d" % start, "%d.png" % i))


def make_cache(run, network):
    """Fill the cache for the pictures as if each had been decoded."""
    from utils.data.pool import Outcome
    from utils.data.scan import Scan

    def fill(known):
        black = int(checksums(np.zeros((1, known.record_bytes), np.uint8))[0])
        count = known.compare(Scan(run.pics_dir))
        os.truncate(known.records_path, count * known.record_bytes)
        for file in known.new_files():
            known.add(file, Outcome("picture", black, ""))
        return count

    return cache.using(run.cache_dir, run.pics_dir, prepare.recipe_of(run, network), None, fill)


def measure(arguments):
    """Run the program; return (seconds to the first step, the peak of its anonymous memory in MB)."""
    started, peak, first = time.time(), 0, None
    process = subprocess.Popen([sys.executable, os.path.join(ROOT, "main.py"), *arguments], stdout=subprocess.PIPE)
    os.set_blocking(process.stdout.fileno(), False)
    output = b""
    while process.poll() is None:
        output += process.stdout.read() or b""
        if first is None and b"\nepoch" in output:
            first = time.time() - started
        try:
            with open("/proc/%d/status" % process.pid) as status:
                peak = max(peak, *[int(line.split()[1]) for line in status if line.startswith("RssAnon")], 0)
        except (OSError, TypeError):  # it has just ended
            pass
        time.sleep(0.02)
    assert process.returncode == 0, output.decode()
    return first, peak / 1024.0


def main():
    counts = [int(text) for text in sys.argv[1:]] or [1000, 100000, 1000000]
    for count in counts:
        with tempfile.TemporaryDirectory() as work:
            folders = {name: os.path.join(work, name) for name in ("pics", "samples", "checkpoints", "cache")}
            arguments = list(OPTIONS)
            for name, folder in folders.items():
                arguments += ["--%s_dir" % name, folder]
            make_pictures(folders["pics"], count)
            os.makedirs(folders["cache"])
            run, network = settings.resolve(arguments)
            assert make_cache(run, network) == count
            first, peak = measure(arguments)
            print("%8d pictures: first progress after %5.1f s, peak %.0f MB" % (count, first, peak), flush=True)


if __name__ == "__main__":
    main()
