"""Measure memory and startup time with many images: the whole program, with caches of 1,000 to 1,000,000 records.

    python benchmarks/scale.py [COUNT ...]

Linux only. The records are synthetic: black images in a sparse file. The image files are hard links to a few files, so
that the scan is real. Each run trains a small network for 150 steps. Prints the seconds from startup to the first
progress line, and the peak of the process's own memory (anonymous pages, without the page cache).
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
from utils.data.cache import use_cache
from utils.data.decoder import Outcome
from utils.data.prepare import decode_options
from utils.data.records import checksums
from utils.data.scan import Scan

SIZE = 64
LINKS = 50000  # hard links to each file; file systems limit their number
# Metrics and d_features are off, because they need more memory than everything else here.
OPTIONS = ["--filters", "4", "--max_steps", "150", "--sample_every", "0", "--checkpoint_every", "0"]
OPTIONS += ["--metrics_every", "0", "--d_features", "none"]


def make_images(folder, count):
    for start in range(0, count, LINKS):
        class_folder = os.path.join(folder, f"class {start}")
        os.makedirs(class_folder)
        first = os.path.join(class_folder, "0.png")
        Image.new("RGB", (SIZE, SIZE)).save(first)
        for i in range(1, min(LINKS, count - start)):
            os.link(first, os.path.join(class_folder, f"{i}.png"))


def make_cache(resolved):
    """Fill the cache for the images as if each had been decoded; return their number."""
    run = resolved.run

    def fill(cache):
        black = int(checksums(np.zeros((1, cache.record_bytes), np.uint8))[0])
        count, files = cache.compare(Scan(run.pics_dir))
        os.truncate(cache.records_path, count * cache.record_bytes)
        for task in cache.tasks(files):
            cache.add(task, Outcome("picture", checksum=black))
        return count

    return use_cache(run.cache_dir, run.pics_dir, decode_options(resolved), fill)


def measure(arguments):
    """Run the program; return (seconds to the first progress line, peak of its anonymous memory in MB)."""
    started, peak, first = time.time(), 0, None
    main = os.path.join(settings.ROOT, "main.py")
    process = subprocess.Popen([sys.executable, main, *arguments], stdout=subprocess.PIPE)
    os.set_blocking(process.stdout.fileno(), False)
    output = b""
    while process.poll() is None:
        output += process.stdout.read() or b""
        if first is None and b"\nepoch" in output:
            first = time.time() - started
        try:
            with open(f"/proc/{process.pid}/status") as status:
                peak = max(peak, *[int(line.split()[1]) for line in status if line.startswith("RssAnon")], 0)
        except (OSError, TypeError):  # the process has just exited
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
                arguments += [f"--{name}_dir", folder]
            make_images(folders["pics"], count)
            os.makedirs(folders["cache"])
            assert make_cache(settings.resolve(arguments)) == count
            first, peak = measure(arguments)
            print(f"{count:8d} images: first progress after {first:5.1f} s, peak {peak:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
