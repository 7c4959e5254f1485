"""Compare the samples of two runs by eye: sheets of pairs, and a count of which run was preferred.

    python benchmarks/pairs.py sheets first/checkpoints second/checkpoints --out pairs
    python benchmarks/pairs.py count pairs answers.txt

The first command writes sheets of 64 numbered pairs, pairs/sheet_1.png and so on: uncurated samples of the two runs
side by side, with the sides chosen at random for each pair. The sides are in pairs/key.csv: do not look at it before
answering. answers.txt has one word for each pair, in order: left or right, the side that looks better. The second
command prints how often each run was preferred, and the probability that equal runs give this difference or a larger
one (two-sided binomial test).
"""

import argparse
import csv
import math
import os
import sys
import tempfile
from collections import Counter

import numpy as np
import quality
from PIL import Image, ImageDraw

SIDES = ("left", "right")
COLUMNS, ROWS = 8, 8  # pairs on a sheet
WIDTH, GAP, TITLE = 128, 8, 14  # pixels: width of a sample on the sheet, space between pairs, height of a number


def draw(checkpoints_dir, arguments):
    """Return the samples of the best checkpoint of a run, enlarged to WIDTH: a list of PIL images."""
    with tempfile.TemporaryDirectory() as folder:
        samples = quality.draw(os.path.abspath(checkpoints_dir), folder, arguments)
    images = map(Image.fromarray, samples)
    return [image.resize((WIDTH, WIDTH * image.height // image.width), Image.BICUBIC) for image in images]


def write_sheet(path, pairs, first_number):
    """Write a sheet of pairs, [(left, right)], numbered from first_number."""
    width, height = 2 * WIDTH + GAP, max(image.height for pair in pairs for image in pair) + TITLE
    sheet = Image.new("RGB", (COLUMNS * width, math.ceil(len(pairs) / COLUMNS) * height), "white")
    pen = ImageDraw.Draw(sheet)
    for i, pair in enumerate(pairs):
        x, y = i % COLUMNS * width, i // COLUMNS * height
        pen.text((x + 2, y + 1), str(first_number + i), fill="black")
        for j, image in enumerate(pair):
            sheet.paste(image, (x + j * WIDTH, y + TITLE))
    sheet.save(path)


def write_sheets(arguments):
    """Write the sheets and the key."""
    runs, per_sheet = (arguments.first, arguments.second), COLUMNS * ROWS
    arguments.samples = arguments.sheets * per_sheet
    samples = [draw(run, arguments) for run in runs]
    lefts = np.random.RandomState(arguments.seed).randint(2, size=arguments.samples)  # the index of the run on the left
    pairs = [(samples[left][i], samples[1 - left][i]) for i, left in enumerate(lefts)]
    os.makedirs(arguments.out)
    for sheet in range(arguments.sheets):
        first, path = sheet * per_sheet, os.path.join(arguments.out, f"sheet_{sheet + 1}.png")
        write_sheet(path, pairs[first : first + per_sheet], first + 1)
    with open(os.path.join(arguments.out, "key.csv"), "w", newline="") as file:
        csv.writer(file).writerows([("pair", *SIDES), *((i + 1, runs[n], runs[1 - n]) for i, n in enumerate(lefts))])
    print(f"{arguments.samples} pairs on {arguments.sheets} sheets in {arguments.out}")


def count(arguments):
    """Print how often each run was preferred."""
    with open(os.path.join(arguments.out, "key.csv"), newline="") as file:
        key = list(csv.DictReader(file))
    with open(arguments.answers) as file:
        answers = file.read().lower().split()
    wrong = [f"answer {i + 1} is {answer!r}" for i, answer in enumerate(answers) if answer not in SIDES]
    if wrong:
        sys.exit(f"{arguments.answers}: {wrong[0]}; write left or right")
    if len(answers) != len(key):
        sys.exit(f"{arguments.answers} has {len(answers)} answers for {len(key)} pairs; write one for each pair")
    wins = Counter(pair[answer] for pair, answer in zip(key, answers))
    for run in sorted({pair[side] for pair in key for side in SIDES}):
        print(f"{run}: {wins[run]} of {len(key)}")
    print(f"p = {binomial_p(max(wins.values()), len(key)):.3g}")


def binomial_p(wins, n):
    """Return the probability that one of two equal runs wins at least `wins` of n pairs; wins: at least n / 2."""
    ways = sum(math.factorial(n) // (math.factorial(i) * math.factorial(n - i)) for i in range(wins, n + 1))
    return min(1.0, 2 * ways / 2**n)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sheets, counting = commands.add_parser("sheets"), commands.add_parser("count")
    sheets.add_argument("first", help="checkpoints of a run")
    sheets.add_argument("second", help="checkpoints of the run to compare it with")
    sheets.add_argument("--out", default="pairs", help="new folder for the sheets and the key")
    sheets.add_argument("--sheets", type=int, default=1)
    sheets.add_argument("--seed", type=int, default=0, help="chooses the sides")
    quality.add_program_options(sheets)
    counting.add_argument("out", help="folder of the sheets")
    counting.add_argument("answers", help="text file with left or right for each pair")
    arguments = parser.parse_args()
    if arguments.command == "count":
        count(arguments)
    elif os.path.exists(arguments.out):
        parser.error(f"--out {arguments.out} exists already")
    else:
        write_sheets(arguments)


if __name__ == "__main__":
    main()
