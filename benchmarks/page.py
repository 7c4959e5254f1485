"""Measure how many images per second exported pages generate in headless Chromium while their walk plays.

    python benchmarks/page.py generator.html [another.html ...]

Needs Chromium with its driver, and `pip install selenium`. Each page is measured in turn, `--rounds` times.
"""

import argparse
import pathlib
import shutil
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

IDLE = "return !painter.current && !painter.waiting.size"
COUNT = """
window.count = 0; window.longest = 0;
const receive = painter.receive.bind(painter);
painter.receive = (pixels) => { count++; receive(pixels); };
let last = performance.now();
const frame = (now) => { longest = Math.max(longest, now - last); last = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""


def measure(driver, page, seconds):
    """Return (images per second, longest time between two frames of the page in milliseconds)."""
    driver.get(page.resolve().as_uri())
    while not driver.execute_script(IDLE):
        time.sleep(0.1)
    driver.execute_script(COUNT + "byId('play').click();")
    time.sleep(1)
    start, before = time.time(), driver.execute_script("longest = 0; return count;")
    time.sleep(seconds)
    count, longest = driver.execute_script("return [count, longest];")
    return (count - before) / (time.time() - start), longest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        for _ in range(arguments.rounds):
            for page in arguments.pages:
                speed, longest = measure(driver, page, arguments.seconds)
                print(f"{page}: {speed:.1f} images per second, at most {longest:.0f} ms between frames", flush=True)
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
