"""Paths of any characters: the program, its images and all that it writes may be in folders of any name."""

import os
import string
import sys

import pytest
from conftest import ENVIRONMENT, Program
from runs import steps_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="names are those of Unix")]

NAMES = {
    "text": "".join(map(chr, range(1, 32))) + string.punctuation.replace("/", "") + " [1] * {a,b} ün 日本 Ελλ \u202e",
    "no UTF-8": os.fsdecode(bytes(range(0xE0, 0x100))),
    "an option": "--help",
}
# No UTF-8 mode, no UTF-8 locale: Python takes letters for bytes that it does not know.
PLAIN_C = dict(ENVIRONMENT, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")


def use_in(folder, pics, **options):
    """Train, resume, sample, evaluate and start from weights, with all files in `folder`, which may not exist yet."""
    program = Program(folder, pics)
    (program.folder / "pics").rename(folder / folder.name)
    where = ["--pics_dir", str(folder / folder.name), "--cache_dir", os.path.join("cache", folder.name)]
    for goal in (2, 4):
        assert f"Finished at step {goal}" in program.train("--max_steps", str(goal), *where, **options)
    assert steps_of(program.checkpoints) == [0, 2, 4] and len(os.listdir(str(program.checkpoints / "logs"))) == 2
    said = program.train("--isTrain", "0", "--num_samples", "2", "--single", "1", "--evaluate", "0", **options)
    assert "Sampling from step 4" in said and len(list(program.samples.glob("sample_*_n2/*.png"))) == 2
    assert "2 samples" in program.train(
        "--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "2", *where, **options
    )
    dirs = ["--checkpoints_dir", "c", "--samples_dir", "s", "--init_from", "checkpoints"]
    assert "New run, from the weights of step 4" in program.train("--max_steps", "1", *dirs, *where, **options)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_folders_of_any_name(tmp_path, pics, name):
    use_in(tmp_path / name, pics)


def test_a_locale_without_these_letters(tmp_path, pics):
    use_in(tmp_path / "ün", pics, env=PLAIN_C)


def test_names_in_a_params_file_in_a_locale_without_these_letters(program):
    program.train("--max_steps", "1")
    text = (program.folder / "params.py").read_text(encoding="utf-8")
    for setting in ("samples", "checkpoints"):
        os.rename(str(program.folder / setting), str(program.folder / (setting + " Zoë")))
        assert f'{setting}_dir = "{setting}"' in text
        text = text.replace(f'{setting}_dir = "{setting}"', f'{setting}_dir = "{setting} Zoë"')
    (program.folder / "params.py").write_text(text, encoding="utf-8")
    program.train("--max_steps", "2")  # which records the names as text
    assert "Resuming from step 2" in program.train("--max_steps", "3", env=PLAIN_C)
    assert steps_of(program.folder / "checkpoints Zoë") == [1, 2, 3]
