"""The lines printed at startup. Does not import TensorFlow."""

import os
import signal

import pytest
from params_copy import edited_copy, untouched_copy  # noqa: F401  (fixtures)

from utils.config import help, schema, settings, startup
from utils.tasks import find_task

DEFAULTS = "  Settings:      all at their defaults; --show_settings lists them"


def lines_of(copy, *argv):
    """Return the lines printed at startup, with main.py's folder shown as "/"."""
    resolved = copy.resolve(*argv)
    task = None if resolved.run.isTrain else find_task(resolved.run)
    text = startup.describe(resolved, list(argv), task, copy.root)
    return text.replace(copy.root + os.sep, "/").replace(os.sep, "/").split("\n")


def unwrapped(lines):
    """Join wrapped lines, because the wrapping depends on the length of paths."""
    return " ".join(" ".join(lines).split())


def test_training(untouched):
    assert lines_of(untouched) == [
        "Training for 300 epochs on the images in /pics",
        "  Sample grids:  /samples/train_<step>.png, every 100 steps",
        "  Checkpoints:   /checkpoints, with history.csv and report.html",
        "  Image cache:   /checkpoints/cache",
        "  To stop:       Ctrl-C saves and stops; the same command resumes",
        DEFAULTS,
    ]


def test_training_with_ctrl_c_ignored(untouched):
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        lines = lines_of(untouched)
    finally:
        signal.signal(signal.SIGINT, former)
    assert lines[4] == f"  To stop:       kill {os.getpid()} saves and stops; the same command resumes"


def test_sampling(untouched):
    assert lines_of(untouched, "--isTrain", "0") == [
        "Generating 64 samples with the best checkpoint in /checkpoints",
        "  Grid:          /samples/sample_<step>_seed0_run<id>_n64.png",
        DEFAULTS,
    ]
    argv = ["--isTrain", "0", "--num_samples", "1", "--single", "1", "--sample_seed", "7", "--checkpoint", "2000"]
    assert lines_of(untouched, *argv) == [
        "Generating 1 sample with step 2000 in /checkpoints",
        "  Grid:          /samples/sample_<step>_seed7_run<id>_n1.png",
        "  Single files:  /samples/sample_<step>_seed7_run<id>_n1/",
        "  Command line:  checkpoint = 2000, num_samples = 1, single = 1, sample_seed = 7",
    ]


def test_evaluating(untouched):
    assert lines_of(untouched, "--isTrain", "0", "--evaluate", "1", "--checkpoint", "latest") == [
        "Evaluating the latest checkpoint in /checkpoints",
        "  Images:        /pics",
        "  Comparison:    /samples/nearest_<step>_run<id>.png",
        "  Image cache:   /checkpoints/cache",
        "  Command line:  checkpoint = latest, evaluate = 1",
    ]


@pytest.mark.parametrize(
    "argv, expected",
    (
        (["--max_steps", "7"], "Training to step 7 on the images in /pics"),
        (["--epochs", "1"], "Training for 1 epoch on the images in /pics"),
        (["--pics_dir", "a b"], "Training for 300 epochs on the images in /a b"),
        (["--sample_every", "0"], "  Sample grids:  /samples/train_<step>.png, at the start and at the end"),
        (["--sample_every", "1"], "  Sample grids:  /samples/train_<step>.png, every step"),
        (["--samples_dir=s"], "  Sample grids:  /s/train_<step>.png, every 100 steps"),
        (["--checkpoints-dir=c"], "  Checkpoints:   /c, with history.csv and report.html"),
        (["--cache_dir", "d"], "  Image cache:   /d"),
    ),
)
def test_what_happens_and_where(untouched, argv, expected):
    lines = lines_of(untouched, *argv)
    assert expected in lines
    # The first lines show the folders; overrides of all other settings are listed by name.
    assert len(lines) == 6 and lines[5] == (
        DEFAULTS if "dir" in argv[0] else f"  Command line:  {argv[0][2:]} = {argv[1]}"
    )


def test_settings_of_the_command_line_and_changed_ones(copy):
    copy.edit("epochs = 300", "epochs = 600")
    copy.edit("batch_size = 8", "batch_size = 16")
    copy.edit("filters = 32", "filters = 48", "model/params.py")
    copy.edit("num_samples = 64", "num_samples = 9")
    copy.edit('samples_dir = "samples"', 'samples_dir = "s"')
    copy.edit('inception_graph = ""', 'inception_graph = "params.py"')
    lines = lines_of(copy, "--batch-size", "32", "--learning_rate=0.0003", "--init_from", "other")
    assert unwrapped(lines[5:]) == (
        "Command line: init_from = /other, batch_size = 32, learning_rate = 0.0003 "
        "Changed in params.py: epochs = 600, inception_graph = /params.py "
        "Changed in model/params.py: filters = 48"
    )
    lines = lines_of(copy, "--isTrain", "0")
    assert unwrapped(lines[2:]) == "Changed in params.py: num_samples = 9"


def test_missing_settings_are_named_with_their_defaults(copy):
    copy.edit("freeze_d = 0\n", "")
    copy.edit('on_lost_game = "warn"\n', "")
    copy.edit("channels = 3\n", "", "model/params.py")
    lines = lines_of(copy, "--channels", "1")
    line = "params.py lacks freeze_d, on_lost_game; using their defaults: freeze_d = 0, on_lost_game = warn"
    assert lines[5:] == ["  Command line:  channels = 1", line]
    lines = lines_of(copy, "--show_settings")
    assert lines[5:8] == [DEFAULTS, line, "model/params.py lacks channels; using their defaults: channels = 3"]
    assert "freeze_d = 0" in "".join(lines[8:])


def test_settings_without_effect_are_named(untouched):
    assert lines_of(untouched, "--isTrain", "0", "--filters", "8", "--epochs", "2", "--pics_dir", "x")[2:] == [
        DEFAULTS,
        "  Ignored (no effect with plain samples): epochs = 2, filters = 8",
    ]


def test_settings_without_effect_on_what_is_asked_for_are_named(copy):
    copy.edit("truncation = 1.0", "truncation = 0.7")
    argv = ["--isTrain", "0", "--export", "frozen", "--precision", "bfloat16"]
    assert lines_of(copy, *argv)[2:] == [
        "  Command line:  export = frozen",
        "  Ignored (no effect with export): precision = bfloat16, truncation = 0.7",
    ]
    assert lines_of(copy, "--isTrain", "0", "--picks", "3", "--num_samples", "9")[3:] == [
        "  Command line:  picks = 3",
        "  Changed in params.py: truncation = 0.7",
        "  Ignored (no effect with picks): num_samples = 9",
    ]
    assert lines_of(copy, "--isTrain", "0", "--evaluate_samples", "9")[2:] == [
        "  Changed in params.py: truncation = 0.7",
        "  Ignored (no effect with plain samples): evaluate_samples = 9",
    ]


@pytest.mark.parametrize("argv", ([], ["--isTrain", "0"], ["--isTrain", "0", "--evaluate", "1"]))
def test_show_settings_lists_all_in_the_sections_of_the_files(untouched, argv):
    lines = lines_of(untouched, *argv, "--show_settings")
    plain = lines_of(untouched, *argv)
    assert lines[: len(plain)] == plain
    text = "\n".join(lines[len(plain) :])
    position = -1
    for (title, file), entries in help.group_by_section(settings.read_files()).items():
        assert text.index(f"{title}, in {file}\n") > position
        for name in entries:
            position = text.index(f" {name} = ", position + 1)
    values = dict(untouched.resolve(*argv).run._asdict(), **untouched.resolve(*argv).network._asdict())
    for name, value in values.items():
        shown = "''" if value == "" else str(value).replace(untouched.root + os.sep, "/").replace(os.sep, "/")
        assert f"{name} = {shown}," in text + "," or f"{name} = {shown}\n" in text
    assert max(map(len, lines)) <= 80


def test_lines_fit_80_columns_where_paths_allow_it():
    alone = (
        "picks",
        "walk",
        "arithmetic",
        "timelapse",
        "classes",
        "export",
    )  # tasks that are mutually exclusive, and settings that require a task
    for options in ((), ("--isTrain", "0"), ("--isTrain", "0", "--evaluate", "0")):
        argv = []
        for name, rule in schema.ALL.items():
            if not rule.is_path and name not in alone and (options or not rule.sampling):
                argv += ["--" + name, str(rule.default or 0)]
        argv += options
        resolved = settings.resolve([*argv, "--show_settings"])
        task = None if resolved.run.isTrain else find_task(resolved.run)
        for line in startup.describe(resolved, argv, task).split("\n"):
            assert len(line) <= 80 or settings.ROOT in line, line
    long = os.sep + "long" * 30
    lines = startup.describe(settings.resolve(["--init_from", long]), ["--init_from", long]).split("\n")
    assert f"  Command line:  init_from = {os.path.abspath(long)}" in lines
    assert startup._list("  ", ["a" * 40, "b" * 36]) == ["  " + "a" * 40 + ", " + "b" * 36]  # 80
    assert startup._list("  ", ["a" * 40, "b" * 35 + " c"]) == ["  " + "a" * 40 + ",\n  " + "b" * 35 + " c"]
    assert startup._list("  ", []) == []
