"""Both params files, the command line, and every way to get them wrong. No TensorFlow here."""

import os
import shutil

import pytest
from conftest import ROOT

from utils.config import schema as rules
from utils.config import settings as settings_module
from utils.errors import UserError

NAMES = [*rules.RUN, *rules.NETWORK]


@pytest.fixture
def root(tmp_path):
    """A folder with copies of the params files."""
    (tmp_path / "model").mkdir()
    for name in ("params.py", "model/params.py"):
        shutil.copy(os.path.join(ROOT, name), str(tmp_path / name))
    return tmp_path


def error_of(root, *argv):
    with pytest.raises(UserError) as raised:
        settings_module.resolve(list(argv), str(root))
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_every_setting_has_a_comment():
    for path, names in settings_module.FILES:
        entries = settings_module.read_file(os.path.join(ROOT, path), path, names)
        assert list(entries) == list(names)
        for name, entry in entries.items():
            assert len(entry.comment) > 20, name


def test_help_lists_every_setting_with_comment_and_value(root, capsys):
    text = (root / "params.py").read_text()
    (root / "params.py").write_text(text.replace("batch_size = 8", "batch_size = 48"))
    with pytest.raises(SystemExit) as raised:
        settings_module.resolve(["--help"], str(root))
    assert raised.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    for name in NAMES:
        assert "--%s " % name in words
    assert (
        "Pictures in each update. More are steadier, but make a step longer; lower it when memory runs out. (now: 48)"
        in words
    )


@pytest.mark.parametrize("argv", (["--batch_size", "32"], ["--batch_size=32"]))
def test_the_command_line_overrides_the_files(root, argv):
    settings = settings_module.resolve(argv, str(root))
    assert settings.run.batch_size == 32 and type(settings.run.batch_size) is int
    assert settings.run.epochs == settings_module.resolve([], str(root)).run.epochs


def test_a_whole_number_serves_where_a_fraction_is_expected(root):
    assert type(settings_module.resolve(["--learning_rate", "1"], str(root)).run.learning_rate) is float


def test_folders_are_taken_from_the_place_of_main(root, monkeypatch):
    monkeypatch.chdir("/")
    run = settings_module.resolve(
        ["--samples_dir", "a/../b", "--checkpoints_dir", "/c", "--pics_dir", "~/p"], str(root)
    ).run
    assert run.samples_dir == str(root / "b")
    assert run.checkpoints_dir == "/c"
    assert run.pics_dir == os.path.expanduser("~/p")


@pytest.mark.parametrize(
    "argv, expected",
    (
        (["--batchsize", "3"], "unknown setting --batchsize; did you mean batch_size?"),
        (["--learning-rate=3"], "did you mean learning_rate?"),
        (["--istrain", "0"], "did you mean isTrain?"),
        (["--batch", "3"], "unknown setting --batch"),
        (["--zzzzzz"], "`python main.py --help` lists all settings"),
        (["5"], "'5' belongs to no setting; write --name value"),
        (["--seed"], "--seed: expected one argument"),
        (["--batch_size", "many"], "batch_size = 'many' is not possible; it must be a whole number, from 1 to"),
        (["--batch_size", "1.5"], "batch_size = '1.5' is not possible"),
        (["--batch_size", "0"], "batch_size = 0 is not possible"),
        (["--epochs", "-3"], "epochs = -3 is not possible; it must be a whole number, 1 or more"),
        (["--k", "9" * 400], "k = 999"),
        (["--learning_rate", "nan"], "learning_rate = nan is not possible; it must be a number, above 0"),
        (["--learning_rate=-1e-4"], "learning_rate = -0.0001 is not possible"),
        (["--beta1", "1"], "beta1 = 1.0 is not possible; it must be a number, from 0 to less than 1"),
        (["--image_size", "60"], "image_size = 60 is not possible; it must be 8, 16, 32, 64, 128,"),
        (["--channels", "2"], "channels = 2 is not possible; it must be 3 or 1"),
        (
            ["--optimizer", "adm"],
            "optimizer = 'adm' is not possible; it must be adam, rmsprop, momentum, sgd or adagrad",
        ),
        (["--isTrain", "True"], "isTrain = 'True' is not possible; it must be 1 or 0"),
        (["--pics_dir="], "pics_dir = '' is not possible; it must be the name of a folder"),
        (["--max_filters", "8"], "max_filters = 8 is less than filters = 32"),
        (["--samples_dir", "pics/out"], "is inside pics_dir"),
        (["--checkpoints_dir", "pics"], "is inside pics_dir"),
    ),
)
def test_mistakes_on_the_command_line(root, argv, expected):
    message = error_of(root, *argv)
    assert expected in message


@pytest.mark.parametrize(
    "old, new, expected",
    (
        ("batch_size = 8", "batchsize = 64", "unknown setting batchsize; did you mean batch_size?"),
        ("batch_size = 8", "batch_size = = 64", "this is not Python"),
        ("batch_size = 8", "batch_size = 'many'", "batch_size = 'many' is not possible; it must be a whole number"),
        ("batch_size = 8", "batch_size = True", "batch_size = True is not possible"),
        ("batch_size = 8", "batch_size = 8.0", "batch_size = 8.0 is not possible"),
        ("batch_size = 8", "batch_size = 8 * 8", "needs a plain value, without names or sums"),
        ("batch_size = 8", "import os", "only lines such as name = value belong here, not: import os"),
        ("batch_size = 8", "batch_size = 8\nbatch_size = 32", "is set a second time, after line"),
        ("learning_rate = 0.0003", "learning_rate = 1" + "0" * 400, "is not possible"),
        ('optimizer = "adam"', 'optimizer = "Adam"', "optimizer = 'Adam' is not possible"),
    ),
)
def test_mistakes_in_params(root, old, new, expected):
    text = (root / "params.py").read_text()
    line = text[: text.index(old)].count("\n") + 1 + new.count("\n")
    (root / "params.py").write_text(text.replace(old, new))
    message = error_of(root)
    assert message.startswith("params.py line %d: " % line)
    assert expected in message


def test_a_missing_line(root):
    text = (root / "params.py").read_text()
    line = text[: text.index("max_steps = 0")].count("\n") + 1
    (root / "params.py").write_text(text.replace("batch_size = 8", ""))
    expected = (
        "params.py: the setting batch_size is missing after line %d (max_steps); add a line batch_size = <" % line
    )
    assert error_of(root).startswith(expected)


def test_a_missing_file(root):
    os.remove(str(root / "model" / "params.py"))
    assert "model/params.py is missing" in error_of(root).replace(os.sep, "/")


def test_a_file_that_is_not_utf8(root):
    (root / "params.py").write_bytes(b"# fine\n# \xb5\xd8\nisTrain = 1\n")
    assert error_of(root) == "params.py line 2: this is not UTF-8 text; save the file as UTF-8"


def test_a_file_of_rubbish(root):
    (root / "params.py").write_bytes(b"isTrain = 1\n\0\0\0\n")
    assert error_of(root).startswith("params.py")


def test_true_and_false_serve_as_switches(root):
    text = (root / "params.py").read_text()
    (root / "params.py").write_text(text.replace("isTrain = 1", "isTrain = False"))
    run = settings_module.resolve([], str(root)).run
    assert run.isTrain == 0 and type(run.isTrain) is int


def test_params_are_read_not_run(root):
    (root / "params.py").write_text("__import__('os').remove(%r)\n" % str(root / "model" / "params.py"))
    assert "only lines such as" in error_of(root)
    assert (root / "model" / "params.py").exists()
