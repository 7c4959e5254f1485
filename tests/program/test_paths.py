"""Paths with any characters: the program, its images and its output may be in folders of any name."""

import json
import os
import shutil
import string
import sys

import pytest
from conftest import ENVIRONMENT, Program, contents, in_this_process, succeeded
from runs import steps_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="the names are invalid on Windows")]

NAMES = {
    "text": "".join(map(chr, range(1, 32))) + string.punctuation.replace("/", "") + " [1] * {a,b} ün 日本 Ελλ \u202e",
    "no UTF-8": os.fsdecode(bytes(range(0xE0, 0x100))),
}
# Without UTF-8 mode or a UTF-8 locale, Python decodes non-ASCII bytes to surrogates.
PLAIN_C = dict(ENVIRONMENT, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
SAMPLE = ["--isTrain", "0", "--num_samples", "2", "--single", "1", "--evaluate", "0"]
# A folder whose name looks like a command-line option.
TUNED = ["--max_steps", "1", "--checkpoints_dir=--help", "--samples_dir=--help/s"]


def rename_pics(program):
    """Rename the image and cache folders to the program folder's name; return the arguments that select them."""
    pics = program.folder / program.folder.name
    (program.folder / "pics").rename(pics)
    return ["--pics_dir", str(pics), "--cache_dir", os.path.join("cache", pics.name)]


def check(program, sampled, evaluated, tuned):
    """Check the output of three runs, and the files from these runs and from training to step 4."""
    assert len(os.listdir(str(program.checkpoints / "logs"))) == 2
    assert "Sampling from step 4" in sampled and len(list(program.samples.glob("sample_*_n2/*.png"))) == 2
    assert "2 samples" in evaluated and "New run, from the weights at step 4" in tuned
    assert steps_of(program.folder / "--help") == [0, 1]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_folders_of_any_name(tmp_path, pics, name):
    """Train, resume, sample, evaluate and start from weights, with all files and main.py in a folder with that name."""
    program = Program(tmp_path / name, pics)
    where = rename_pics(program)
    assert "Finished at step 2" in program.train("--max_steps", "2", *where)
    program = in_this_process(program)
    assert "Finished at step 4" in program.train("--max_steps", "4", *where)
    assert steps_of(program.checkpoints) == [0, 2, 4]
    evaluate = ["--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "2", *where]
    tuned = ["--init_from", "checkpoints", *TUNED, *where]
    check(program, *(program.train(*arguments) for arguments in (SAMPLE, evaluate, tuned)))


@pytest.mark.parametrize("is_utf8_first", (True, False), ids=("UTF-8 first", "ASCII first"))
def test_class_names_in_two_locales(program, is_utf8_first):
    """Begin a run in one locale and resume it in the other, with a folder whose name was composed meanwhile."""
    pics = program.folder / "pics"
    (pics / "red").rename(pics / "cafe\u0301")
    shutil.copytree(str(pics / "blue"), str(pics / "cafz"))
    train = ["--conditional", "1", "--checkpoint_every", "2", "--max_steps"]
    environments = (ENVIRONMENT, PLAIN_C) if is_utf8_first else (PLAIN_C, ENVIRONMENT)
    outputs = [program.train(*train, steps, env=env) for steps, env in zip("24", environments)]
    assert "Resuming from step 2" in outputs[1] and "have changed" not in outputs[1] and "Prepared" not in outputs[1]
    names = ["blue", "cafe\u0301", "cafz"]
    assert [classes_at(program, step) for step in (2, 4)] == [names, names]

    (pics / "cafe\u0301").rename(pics / "caf\xe9")  # now sorts after cafz
    for steps, env in zip("68", environments):
        assert f"Finished at step {steps}" in program.train(*train, steps, env=env)
        assert classes_at(program, steps) == names
    sample = ["--isTrain", "0", "--num_samples", "1", "--single", "1", "--label_grid", "1", "--classes", "caf\xe9"]
    written = set()
    for env in environments:
        output = program.train(*sample, env=env)
        assert "Classes from the top: cafe" in output
        written.add(frozenset(contents(program.samples).items()))
    assert len(written) == 1  # in both locales, the files have the same names and contents
    error = program.refuse("--isTrain", "0", "--classes", "kaf\xe9", env=PLAIN_C)
    assert error == r"main.py: classes: no class 'kaf\xe9'; did you mean caf\xe9?"
    report = (program.checkpoints / "report.html").read_text(encoding="utf-8")
    assert '<th scope="row">cafe\u0301</th>' in report


def classes_at(program, step):
    """Return the class names in the JSON file of a checkpoint."""
    return json.loads((program.checkpoints / f"dcgan-{step}.json").read_text(encoding="utf-8"))["state"]["classes"]


def test_a_locale_without_these_letters(tmp_path, pics):
    """Resume a run in an ASCII locale that began in a UTF-8 locale, with folder names from params.py."""
    program = Program(tmp_path / "ün", pics)
    where = rename_pics(program)
    params = program.folder / "params.py"
    text = params.read_text(encoding="utf-8")
    for setting in ("samples", "checkpoints"):
        assert f'{setting}_dir = "{setting}"' in text
        text = text.replace(f'{setting}_dir = "{setting}"', f'{setting}_dir = "{setting} Zoë"')
    params.write_text(text, encoding="utf-8")
    program.samples, program.checkpoints = program.folder / "samples Zoë", program.folder / "checkpoints Zoë"
    program.train("--max_steps", "2", *where)  # the checkpoint records the names as text
    evaluate = ["--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "2", *where]
    tuned = ["--init_from", str(program.checkpoints), *TUNED, *where]
    calls = program.run_in_turn(["--max_steps", "4", *where], SAMPLE, evaluate, tuned, env=PLAIN_C)
    resumed, *others = map(succeeded, calls)
    assert "Resuming from step 2" in resumed and steps_of(program.checkpoints) == [0, 2, 4]
    assert len(list((program.folder / "cache" / "ün").glob("*.sqlite"))) == 1
    check(program, *others)
