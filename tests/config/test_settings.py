"""The command line over the params files: what comes out, and every mistake. No TensorFlow here."""

import ntpath
import os
import re
from types import SimpleNamespace

import pytest
from params_copy import Copy

from utils.config import schema, settings, suggestions
from utils.errors import UserError


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


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
def test_the_command_line_overrides_the_files(copy, argv):
    result, default = copy.resolve(*argv), copy.resolve()
    assert result.run.batch_size == 32 and type(result.run.batch_size) is int
    assert result == (default.run._replace(batch_size=32), default.network, {"batch_size"})
    assert default.explicit == frozenset()


def test_a_value_edited_in_a_params_file_counts_as_chosen(copy):
    copy.edit("mirror = 0", "mirror = 1")
    assert copy.resolve().explicit == {"mirror"}


@pytest.mark.parametrize(
    "argv, refusal",
    (
        (["--evaluate", "1"], "command line: --evaluate needs --isTrain 0; with isTrain = 1 this command trains"),
        (["--num_samples=5", "--single=1", "--isTrain", "1"], "command line: --num_samples, --single need --isTrain 0"),
        (["--checkpoint", "latest", "--k", "2"], "command line: --checkpoint needs --isTrain 0"),
    ),
)
def test_settings_of_sampling_do_not_train(copy, argv, refusal):
    with pytest.raises(UserError, match=f"^{re.escape(refusal)}"):
        copy.resolve(*argv)
    copy.edit("num_samples = 64", "num_samples = 5")  # in the file it waits for isTrain = 0
    assert copy.resolve("--k", "2").run.num_samples == 5


@pytest.mark.parametrize("name", schema.ALL)
def test_every_setting_is_an_option(name):
    for option in (f"--{name}", f"--{name.replace('_', '-')}"):
        assert settings.read_command_line([option, "a=b", f"{option}=c=d"]).given == {name: "c=d"}
        assert settings.read_command_line([option, "a=b"]).given == {name: "a=b"}


@pytest.mark.parametrize("value", ("-1", "-1e-4", "-"))
def test_values_may_begin_with_a_hyphen(value):
    assert settings.read_command_line(["--learning_rate", value]).given == {"learning_rate": value}


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
    assert settings.read_command_line(argv) == settings.CommandLine({}, False, topic)


def test_show_settings_changes_no_setting(copy):
    assert settings.read_command_line(["--show_settings"]) == settings.CommandLine({}, show_settings=True)
    assert copy.resolve("--show_settings") == copy.resolve()


@pytest.mark.parametrize(
    "argv, expected",
    (
        (["--batchsize", "3"], "unknown setting --batchsize; did you mean batch_size?"),
        (["--learning_rat=3"], "unknown setting --learning_rat; did you mean learning_rate?"),
        (["--learning-rat=3"], "did you mean learning_rate?"),
        (["--istrain", "0"], "did you mean isTrain?"),
        (["-batch_size", "3"], "unknown setting -batch_size; did you mean batch_size?"),
        (["--batch", "3"], "unknown setting --batch"),
        (["--zzzzzz"], "unknown setting --zzzzzz; see `python main.py --help`"),
        (["--"], "unknown setting --; see `python main.py --help`"),
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
        (["--show_settings=1"], "--show_settings takes no value"),
        (["--show-settings=1"], "--show_settings takes no value"),
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
        (["--isTrain", "yes"], "isTrain = 'yes' is invalid; expected 0 or 1"),
        (["--pics_dir="], "pics_dir = '' is invalid; expected the name of a folder"),
        (["--help", "qqqq"], "--help has no topic 'qqqq'; topics: training, sampling, all, task, pictures, length, "),
        (["--help", "samplin"], "--help has no topic 'samplin'; did you mean sampling?"),
        (["--help", "batchsize"], "--help has no topic 'batchsize'; did you mean batch_size?"),
        (["--help", "of"], "--help has no topic 'of'; topics: "),
    ),
)
def test_mistakes_on_the_command_line(copy, argv, expected):
    message = copy.refuse(*argv)
    assert message.startswith("command line: ") and expected in message and len(message) < 300


def test_a_whole_number_serves_where_a_fraction_is_expected(copy):
    assert type(copy.resolve("--learning_rate", "1").run.learning_rate) is float


def test_true_and_false_serve_as_switches(copy):
    copy.edit("isTrain = 1", "isTrain = False")
    run = copy.resolve().run
    assert run.isTrain == 0 and type(run.isTrain) is int


def test_paths_start_at_the_folder_of_main(copy, monkeypatch):
    monkeypatch.chdir("/")
    argv = [
        "--samples_dir",
        "a/../b",
        "--checkpoints_dir",
        os.path.abspath("/c"),
        "--pics_dir",
        "~/p",
        "--init_from",
        "d",
    ]
    run = copy.resolve(*argv).run
    assert run.samples_dir == str(copy.folder / "b")
    assert run.checkpoints_dir == os.path.abspath("/c")
    assert run.pics_dir == os.path.abspath(os.path.expanduser("~/p"))
    assert run.init_from == str(copy.folder / "d") and run.inception_graph == ""
    paths = [name for name, rule in schema.ALL.items() if rule.is_path]
    assert paths == ["pics_dir", "samples_dir", "checkpoints_dir", "cache_dir", "init_from", "inception_graph"]


def test_paths_on_windows(copy, monkeypatch):
    """Imitated: os.path is that of Windows, whose drives have folders of their own."""
    monkeypatch.setattr(
        ntpath, "abspath", lambda path: ntpath.normpath(path if path[2:3] == "\\" else "D:\\here\\" + path[2:])
    )
    monkeypatch.setattr(settings, "os", SimpleNamespace(path=ntpath))
    values = {
        "pics_dir": "D:\\all my\\pics/",
        "samples_dir": "out/./s",
        "checkpoints_dir": "D:c",
        "cache_dir": "\\cache",
    }
    paths = settings.absolute(values, "C:\\dcgan")
    assert paths == {
        "pics_dir": "D:\\all my\\pics",
        "samples_dir": "C:\\dcgan\\out\\s",
        "checkpoints_dir": "D:\\here\\c",
        "cache_dir": "C:\\cache",
    }


@pytest.mark.parametrize("text, value", (("true", 1), ("False", 0), ("TRUE", 1), ("0", 0)))
def test_switches_may_be_true_or_false_on_the_command_line(copy, text, value):
    assert copy.resolve("--mirror", text).run.mirror == value
    assert "k = 'true' is invalid" in copy.refuse("--k", "true")


@pytest.mark.parametrize("option", ("--version", "-V"))
def test_version(copy, capsys, option):
    with pytest.raises(SystemExit) as ended:
        copy.resolve("--k", "2", option)
    assert ended.value.code == 0
    assert re.match(r"main\.py \d+\.\d+\.\d+, Python 3\.\d+", capsys.readouterr().out)


def test_synonyms_are_settings_that_would_not_be_found_otherwise():
    for synonym, name in suggestions.SYNONYMS.items():
        assert name in schema.ALL and suggestions.suggestion(synonym, schema.ALL) == f"; did you mean {name}?"
