"""The command line overrides the params files; mistakes in it are rejected. Does not import TensorFlow."""

import difflib
import math
import ntpath
import os
import re
import sys
from types import SimpleNamespace

import pytest
from params_copy import edited_copy, untouched_copy  # noqa: F401  (fixtures)

from utils.config import command_line, schema, settings, suggestions
from utils.config.command_line import CommandLine, read_command_line


@pytest.mark.parametrize(
    "argv",
    (
        ["--batch_size", "32"],
        ["--batch_size=32"],
        ["--batch-size", "32"],
        ["--batch-size=32"],
        ["--batch_size", "64", "--show_settings", "--batch_size=32"],
        ["--show-settings", "--batch_size", "32"],
    ),
)
def test_the_command_line_overrides_the_files(untouched, argv):
    result, default = untouched.resolve(*argv), untouched.resolve()
    assert result.run.batch_size == 32 and type(result.run.batch_size) is int
    run = default.run._replace(batch_size=32)
    assert result == (run, default.network, {"batch_size"}, (("batch_size", 32),), math.inf)
    assert default.explicit == frozenset()


@pytest.mark.parametrize("minutes, deadline", (("0", math.inf), ("0.5", 5030), ("1000000", 60005000)))
def test_max_minutes_start_with_the_command(untouched, monkeypatch, minutes, deadline):
    monkeypatch.setattr(settings.time, "perf_counter", lambda: 5000.0)
    assert untouched.resolve("--max_minutes", minutes).deadline == deadline


def test_edited_and_given_settings_are_explicit(copy):
    copy.edit("mirror = 0", "mirror = 1")
    copy.edit('classes = ""', 'classes = "\u00e9"')
    copy.edit("leak = 0.2", "leak = 0.3", "model/params.py")
    assert copy.resolve("--k", "1").explicit == {"mirror", "classes", "leak", "k"}


def test_the_default_written_in_another_way_is_not_explicit(copy):
    copy.edit("learning_rate = 0.0003", "learning_rate = 3e-4")
    copy.edit('optimizer = "adam"', "optimizer = 'adam'  # as before")
    copy.edit("isTrain = 1", "isTrain = True")
    assert copy.resolve().explicit == frozenset()


def test_the_command_for_a_new_run(copy, monkeypatch):
    """It repeats the command line and names new folders; an edited params file applies without being repeated."""
    monkeypatch.setattr(command_line, "ROOT", str(copy.root))
    copy.edit("mirror = 0", "mirror = 1")
    copy.edit('samples_dir = "samples"', 'samples_dir = "runs/1/samples/"')
    there = os.path.abspath("/runs/1/c")
    given = copy.resolve(
        f"--checkpoints_dir={there}", "--pics_dir", "my pics/", "--crop=pad", "--k", "2", "--init_from="
    )
    command = "python main.py --pics_dir 'my pics/' --crop pad --k 2 --init_from '' --checkpoints_dir '%s_my pics%s' "
    command += "--samples_dir 'runs/1/samples_my pics%s'"
    assert command_line.new_run_command(given) == command % (there, "", "")
    for taken in ("samples_my pics", "samples_my pics_2"):
        os.makedirs(os.path.join(str(copy.root), "runs", "1", taken))
    assert command_line.new_run_command(given) == command % (there, "_3", "_3")
    monkeypatch.setattr(command_line.os, "name", "nt")
    assert command_line.shell_words("--pics_dir", "my pics", 3) == '--pics_dir "my pics" 3'


@pytest.mark.parametrize(
    "argv, names",
    (
        (["--evaluate", "1"], "--evaluate"),
        (["--num_samples=5", "--single=1", "--isTrain", "1"], "--num_samples, --single"),
        (["--checkpoint", "latest", "--k", "2"], "--checkpoint"),
    ),
)
def test_settings_of_sampling_do_not_train(copy, argv, names):
    expected = f"command line: with isTrain = 1 this command trains; add --isTrain 0 to use {names}"
    assert copy.refuse(*argv) == expected
    copy.edit("num_samples = 64", "num_samples = 5")  # a params file may set num_samples
    assert copy.resolve("--k", "2").run.num_samples == 5


def test_every_setting_is_an_option():
    parser = command_line._parser()
    for name in schema.ALL:
        for option in (f"--{name}", f"--{name.replace('_', '-')}"):
            for argv, text in (([option, "a=b"], "a=b"), ([option, "a=b", f"{option}=c=d"], "c=d")):
                assert vars(parser.parse_args(argv)) == {name: text}


def test_values_may_be_empty_or_begin_with_a_hyphen():
    for value in ("-1", "-1e-4", "-", "-x", "-batch_size", "-Vx", "", " ", "a b"):
        assert read_command_line(["--classes", value, "--k", "1"]).given == {"classes": value, "k": 1}
        assert read_command_line([f"--classes={value}"]).given == {"classes": value}
    assert read_command_line(["--pics_dir=--k"]).given == {"pics_dir": "--k"}


@pytest.mark.parametrize(
    "argv, topic",
    (
        (["--help"], ""),
        (["-h"], ""),
        (["--help="], ""),
        (["--help", "training"], "training"),
        (["--help=training"], "training"),
        (["--help", "length", "of", "training", "--k", "1"], "length of training"),
        (["--nonsense", "--help", "k"], "k"),
    ),
)
def test_topics_of_help(argv, topic):
    assert read_command_line(argv) == CommandLine({}, topic=topic)


def test_show_settings_changes_no_setting(untouched):
    assert read_command_line(["--show_settings"]) == CommandLine({}, show_settings=True)
    assert untouched.resolve("--show_settings") == untouched.resolve()


MISTAKES = (
    (["--batchsize", "3"], "unknown setting --batchsize; did you mean batch_size?"),
    (["--learning_rat=3"], "unknown setting --learning_rat; did you mean learning_rate?"),
    (["--learning-rat=3"], "did you mean learning_rate?"),
    (["--istrain", "0"], "did you mean isTrain?"),
    (["-batch_size", "3"], "unknown setting -batch_size; did you mean batch_size?"),
    (["--batch", "3"], "unknown setting --batch"),
    (["--zzzzzz"], "unknown setting --zzzzzz; see `python main.py --help`"),
    (["--"], "unknown setting --; see `python main.py --help`"),
    (["--k", "--", "3"], "unknown setting --; see `python main.py --help`"),
    (["--k 3"], "unknown setting --k 3; did you mean k?"),
    (["--seed", "3", "--seed"], "--seed needs a value: a whole number"),
    ([""], "unexpected argument ''; write --name value"),
    (["--a\nb"], "unknown setting --a\\nb; "),
    (["5"], "unexpected argument '5'; write --name value"),
    (["k=5"], "unexpected argument 'k=5'; write --k=5"),
    (["isTrain=0"], "unexpected argument 'isTrain=0'; write --isTrain=0"),
    (["n=5"], "unexpected argument 'n=5'; write --name value"),
    (["--lr", "0.1"], "unknown setting --lr; did you mean learning_rate?"),
    (["--image-sz=3"], "unknown setting --image-sz; did you mean image_size?"),
    (["--dataroot=3"], "unknown setting --dataroot; did you mean pics_dir?"),
    (["--k", "1", "2"], "unexpected argument '2'; write --name value"),
    (["--show_settings", "1"], "unexpected argument '1'; write --name value"),
    (["--show_settings=1"], "argument --show_settings/--show-settings: ignored explicit argument '1'"),
    (["--seed"], "--seed needs a value: a whole number, from 0 to 2147483647"),
    (["--seed", "--k", "3"], "--seed needs a value: a whole number, from 0 to 2147483647"),
    (["--optimizer"], "--optimizer needs a value: adam, rmsprop, "),
    (["--batch_size", "many"], "batch_size = 'many' is invalid; expected a whole number, from 1 to 1048576"),
    (["--batch_size", "1.5"], "batch_size = '1.5' is invalid"),
    (["--batch_size", "0"], "batch_size = 0 is invalid"),
    (["--epochs", "-3"], "epochs = -3 is invalid; expected a whole number, 1 or more"),
    (["--k", "9" * 400], "k = 999"),
    (["--k", "9" * 5000], "k = '999"),
    (["--learning_rate", "nan"], "learning_rate = nan is invalid; expected a number, above 0, at most 1000000"),
    (["--learning_rate", "-1e-4"], "learning_rate = -0.0001 is invalid"),
    *(
        (["--max_minutes", text], f"max_minutes = {shown} is invalid; expected a number, from 0 to 1000000")
        for text, shown in (("-1", -1.0), ("nan", "nan"), ("inf", "inf"), ("x", "'x'"), ("10000000", 10000000.0))
    ),
    (["--isTrain", "yes"], "isTrain = 'yes' is invalid; expected 0 or 1"),
    (["--pics_dir="], "pics_dir = '' is invalid; expected the name of a folder"),
)


def test_mistakes_on_the_command_line(untouched):
    for argv, expected in MISTAKES:
        message = untouched.refuse(*argv)
        assert message.startswith("command line: ") and expected in message and len(message) < 300


def test_switches_may_be_true_or_false_in_a_params_file(copy):
    copy.edit("isTrain = 1", "isTrain = False")
    run = copy.resolve().run
    assert run.isTrain == 0 and type(run.isTrain) is int
    assert type(copy.resolve("--learning_rate", "1").run.learning_rate) is float


def test_paths_start_at_the_folder_of_main(untouched, monkeypatch):
    monkeypatch.chdir("/")
    argv = ["--samples_dir", "a/../b", "--checkpoints_dir", os.path.abspath("/c"), "--pics_dir", "~/p"]
    argv += ["--init_from", "d"]
    run = untouched.resolve(*argv).run
    assert run.samples_dir == str(untouched.folder / "b")
    assert run.checkpoints_dir == os.path.abspath("/c")
    assert run.pics_dir == os.path.abspath(os.path.expanduser("~/p"))
    assert run.init_from == str(untouched.folder / "d") and run.inception_graph == ""
    paths = [name for name, rule in schema.ALL.items() if rule.is_path]
    assert paths == ["pics_dir", "samples_dir", "checkpoints_dir", "cache_dir", "init_from", "inception_graph"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names that differ only in composition are unlike")
def test_a_path_whose_letters_are_composed_differently(tmp_path):
    composed, decomposed = "caf\xe9", "cafe\u0301"
    (tmp_path / decomposed / composed).mkdir(parents=True)
    given = os.path.join(composed, decomposed, composed)  # the last folder does not exist yet
    assert settings.absolute(given, str(tmp_path)) == str(tmp_path / decomposed / composed / composed)
    (tmp_path / composed).mkdir()
    assert settings.absolute(given, str(tmp_path)) == str(tmp_path / given)  # an equal name first


def test_paths_on_windows(monkeypatch):
    """os.path is replaced by the Windows version, in which each drive has its own current folder."""
    monkeypatch.setattr(
        ntpath, "abspath", lambda path: ntpath.normpath(path if path[2:3] == "\\" else "D:\\here\\" + path[2:])
    )
    monkeypatch.setattr(settings, "os", SimpleNamespace(path=ntpath))
    for path, expected in (
        ("D:\\all my\\pics/", "D:\\all my\\pics"),
        ("out/./s", "C:\\dcgan\\out\\s"),
        ("D:c", "D:\\here\\c"),
        ("\\cache", "C:\\cache"),
        ("", ""),
    ):
        assert settings.absolute(path, "C:\\dcgan") == expected


def test_switches_may_be_true_or_false_on_the_command_line(untouched):
    for text, value in (("true", 1), ("False", 0), ("TRUE", 1), ("0", 0)):
        assert untouched.resolve("--mirror", text).run.mirror == value
    assert "k = 'true' is invalid" in untouched.refuse("--k", "true")


@pytest.mark.parametrize("option", ("--version", "-V"))
def test_version(untouched, capsys, option):
    with pytest.raises(SystemExit) as ended:
        untouched.resolve("--k", "2", option)
    assert ended.value.code == 0
    assert re.match(r"main\.py \d+\.\d+\.\d+, Python 3\.\d+", capsys.readouterr().out)


def test_synonyms_are_names_that_difflib_does_not_find():
    names = [name.lower() for name in schema.ALL]
    for name, synonyms in suggestions.SYNONYMS.items():
        for synonym in synonyms:
            assert suggestions.suggestion(synonym, schema.ALL) == f"; did you mean {name}?"
            assert difflib.get_close_matches(synonym, names, 1, 0.5) != [name.lower()]
