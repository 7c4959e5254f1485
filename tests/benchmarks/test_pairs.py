"""Pairs by eye: the sheets agree with their key, and answers are counted with it."""

import csv
import os
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

sys.path.insert(0, os.path.join(ROOT, "benchmarks"))

import pairs
import quality

COLORS = {"first": (255, 0, 0), "second": (0, 0, 255)}


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run a command of pairs.py in an empty folder; each run generates images of its color."""

    def draw(checkpoints_dir, samples_dir, arguments):
        color = COLORS[os.path.basename(checkpoints_dir)]
        return np.full((arguments.samples, 6, 8, 3), color, np.uint8)

    def run(*argv):
        monkeypatch.setattr(sys, "argv", ["pairs.py", *argv])
        pairs.main()
        with open("pairs/key.csv", newline="") as file:
            return list(csv.DictReader(file))

    monkeypatch.setattr(quality, "draw", draw)
    monkeypatch.chdir(tmp_path)
    return run


def test_sides_are_shuffled_as_the_key_says(command):
    key = command("sheets", "first", "second", "--sheets", "2")
    assert [row["pair"] for row in key] == [str(i + 1) for i in range(128)]
    assert 40 < sum(row["left"] == "first" for row in key) < 88
    for number, row in enumerate(key):
        with Image.open(f"pairs/sheet_{number // 64 + 1}.png") as sheet:
            assert sheet.size == (8 * 264, 8 * 110)
            x, y = number % 8 * 264, number % 64 // 8 * 110 + 14
            sides = [sheet.getpixel((x + offset, y + 50)) for offset in (64, 192)]
        assert sides == [COLORS[row["left"]], COLORS[row["right"]]] and row["left"] != row["right"]
    with pytest.raises(SystemExit):
        command("sheets", "first", "second")  # the folder exists already


def test_the_seed_chooses_the_sides(command):
    keys = []
    for seed in ("0", "1", "0"):
        keys.append(command("sheets", "first", "second", "--seed", seed))
        os.rename("pairs", f"before {len(keys)}")
    assert keys[0] == keys[2] != keys[1]


def test_answers_are_counted_with_the_key(command, tmp_path, capsys):
    key = command("sheets", "first", "second")
    answers = ["left" if row["left"] == "second" else "right" for row in key]  # prefers the second run,
    answers[:20] = ["left" if row["left"] == "first" else "right" for row in key[:20]]  # except in 20 pairs
    (tmp_path / "answers.txt").write_text("\n".join([" ".join(answers[:30]), " ".join(answers[30:]).upper(), ""]))
    command("count", "pairs", "answers.txt")
    assert capsys.readouterr().out.splitlines()[-3:] == ["first: 20 of 64", "second: 44 of 64", "p = 0.00369"]


@pytest.mark.parametrize(
    "text, line",
    (
        ("left right", "answers.txt has 2 answers for 64 pairs; write one for each pair"),
        ("left\nrigth left", "answers.txt: answer 2 is 'rigth'; write left or right"),
    ),
)
def test_wrong_answers_are_refused(command, tmp_path, text, line):
    command("sheets", "first", "second")
    (tmp_path / "answers.txt").write_text(text)
    with pytest.raises(SystemExit) as raised:
        command("count", "pairs", "answers.txt")
    assert raised.value.code == line


@pytest.mark.parametrize("wins, n, p", ((5, 10, 1.0), (9, 10, 22 / 1024), (10, 10, 2 / 1024), (1, 1, 1.0)))
def test_binomial_p(wins, n, p):
    assert pairs.binomial_p(wins, n) == pytest.approx(p)
