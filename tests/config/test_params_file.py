"""The content of the params files, and mistakes in them. Does not import TensorFlow."""

import os
import re
import sys

import pytest
from conftest import ROOT
from params_copy import edited_copy, untouched_copy  # noqa: F401  (fixtures)

from utils.config import help, params_file, schema, settings

FILES = settings.read_files()
ENTRIES = {name: entry for entries in FILES.values() for name, entry in entries.items()}


def test_the_files_hold_the_defaults_in_the_order_of_the_rules():
    """A default is stated twice, in its rule and in the params file; both must agree."""
    for name, rule in schema.ALL.items():
        value = ENTRIES[name].value
        assert value == rule.default and type(value) is type(rule.default), name
    for entries in FILES.values():
        lines = [entry.line for entry in entries.values()]
        assert lines == sorted(lines) and lines[0] > 0


def test_every_setting_has_a_section_and_a_comment_that_names_its_choices():
    for name, entry in ENTRIES.items():
        assert len(entry.comment) > 20 and entry.comment.endswith((".", ")")) and "---" not in entry.comment, name
        assert entry.section != "Settings" and not entry.section.endswith("-")
        choices = schema.ALL[name].choices
        if re.match(r"[a-z][\w-]*(, [\w-]+)* or [\w-]+$", choices):
            for choice in re.split(", | or ", choices):
                assert f"'{choice}'" in entry.comment, name
        elif choices == "0 or 1":
            assert "1: " in entry.comment, name


def test_lines_are_at_most_120_characters_and_ascii():
    for file in settings.FILES:
        with open(os.path.join(ROOT, file), encoding="ascii") as lines:
            assert max(len(line.rstrip("\n")) for line in lines) <= 120


def test_sampling_has_sections_of_its_own():
    names = [
        name
        for name, entry in ENTRIES.items()
        if help.section_key(entry.section) in ("sampling", "films", "latent", "files")
    ]
    assert names == [name for name, rule in schema.ALL.items() if rule.sampling]


def test_an_entry(tmp_path):
    path = tmp_path / "some.py"
    path.write_text(
        '"""About."""\n\n# --- Of lengths (in m) ----\n\n# Not of this.\n\n# How long.\n# Or how short.\nleak = 0\n'
    )
    entries = params_file.read(str(path), "some.py", {"leak": schema.ALL["leak"]})
    assert entries == {"leak": params_file.Entry(0.0, 9, "How long. Or how short.", "Of lengths (in m)")}
    path.write_text("leak = 0.5 # Behind\n# Below\n")
    entries = params_file.read(str(path), "some.py", {"leak": schema.ALL["leak"]})
    assert entries == {"leak": params_file.Entry(0.5, 1, "", "Settings")}


MISTAKES = (
    ("batch_size = 8", "batchsize = 64", "unknown setting batchsize; did you mean batch_size?"),
    ("batch_size = 8", "zzzzzz = 64", "unknown setting zzzzzz; see `python main.py --help`"),
    ("batch_size = 8", "batch_size = 64x96", 'batch_size = 64x96; write it in quotes: "64x96"'),
    ("batch_size = 8", "batch_size = = 64  ", "this is not Python (invalid syntax): batch_size = = 64"),
    ("batch_size = 8", "batch_size = 'many'", "batch_size = 'many' is invalid; expected a whole number"),
    ("batch_size = 8", "batch_size = None", "batch_size = None is invalid; expected a whole number"),
    ("batch_size = 8", "batch_size = True", "batch_size = True is invalid"),
    ("batch_size = 8", "batch_size = 8.0", "batch_size = 8.0 is invalid"),
    ("batch_size = 8", "batch_size = 8 * 8", "batch_size must be a literal, not a name or an expression: a whole"),
    ("batch_size = 8", "batch_size = k", "batch_size must be a literal"),
    ('optimizer = "adam"', "optimizer = sgd", 'or adagrad; write it in quotes: optimizer = "sgd"'),
    ('pics_dir = "pics"', "pics_dir = cats", 'the name of a folder; write it in quotes: pics_dir = "cats"'),
    ("batch_size = 8", "import os  ", "expected a line of the form name = value, not: import os"),
    ("batch_size = 8", "batch_size: int = 8", "expected a line of the form name = value, not: batch_size: int = 8"),
    ("batch_size = 8", "batch_size = k = 8", "expected a line of the form name = value"),
    ("batch_size = 8", "batch_size = 8\nbatch_size = 32", "batch_size is already set on line "),
    ("batch_size = 8", "batch_size = 0x" + "f" * 5000, "batch_size = (a number too long to show) is invalid"),
    ("batch_size = 8", "batch_size = " + "9" * 400, "batch_size = " + "9" * 60 + "... is invalid"),
    ("learning_rate = 0.0003", "learning_rate = 1" + "0" * 400, "is invalid; expected a number, above 0"),
    ("learning_rate = 0.0003", "learning_rate = 1e999", "learning_rate = inf is invalid"),
    ('optimizer = "adam"', 'optimizer = "Adam"', "optimizer = 'Adam' is invalid; expected adam, rmsprop"),
    ('pics_dir = "pics"', 'pics_dir = "a\\0b"', "pics_dir = 'a\\x00b' is invalid; expected the name of a folder"),
    # Windows paths that contain invalid or valid Python escape sequences.
    ('pics_dir = "pics"', 'pics_dir = "C:\\Users"', "in paths write / or \\\\ instead of \\"),
    ('pics_dir = "pics"', 'pics_dir = "C:\\pics\\"', "in paths write / or \\\\ instead of \\"),
    (
        'pics_dir = "pics"',
        'pics_dir = "C:\\new"',
        "pics_dir = 'C:\\new' contains a control character; in paths write",
    ),
    ('init_from = ""', 'init_from = "D:\\2024"', "contains a control character; in paths write / or"),
)


def test_mistakes(copy):
    for old, new, expected in MISTAKES:
        number = copy.edit(old, new)
        message = copy.refuse()
        copy.restore()
        assert message.startswith(f"params.py line {number}: ") and "  " not in message
        assert expected in message and len(message) < 300


@pytest.mark.skipif(sys.version_info < (3, 9), reason="the parser before Python 3.9 writes to standard error")
@pytest.mark.parametrize("value", ("-" * 100000 + "1", "(" * 1000, "+".join(["1"] * 20000), "[" * 150 + "]" * 150))
def test_expressions_nested_too_deeply(copy, value):
    copy.edit("batch_size = 8", "batch_size = " + value)
    message = copy.refuse()
    assert message.startswith("params.py") and len(message) < 200
    assert "this is not Python (" in message or "must be a literal" in message or "is invalid" in message


def test_backslashes_that_mean_themselves(copy, recwarn):
    copy.edit('pics_dir = "pics"', 'pics_dir = "C:\\pics"')
    copy.edit('cache_dir = "checkpoints/cache"', 'cache_dir = "C:\\\\new"')
    copy.edit('init_from = ""', 'init_from = r"C:\\temp"')
    entries = settings.read_files(copy.root)["params.py"]
    values = [entries[name].value for name in ("pics_dir", "cache_dir", "init_from")]
    assert values == ["C:\\pics", "C:\\new", "C:\\temp"] and not recwarn.list


@pytest.mark.parametrize("write", (lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")))
def test_files_of_other_editors(copy, write):
    """Accept a byte order mark and Windows line endings."""
    path = copy.folder / "params.py"
    path.write_bytes(write(path.read_text(encoding="utf-8")).encode("utf-8"))
    assert settings.read_files(copy.root) == FILES


def test_missing_settings_have_their_defaults(copy):
    copy.edit("batch_size = 8\n", "")
    copy.edit("isTrain = 1", "# isTrain = 1")
    assert copy.resolve() == settings.resolve([], copy.root) and copy.resolve().explicit == frozenset()
    entries = settings.read_files(copy.root)["params.py"]
    assert list(entries) == list(schema.RUN)
    assert entries["batch_size"] == params_file.Entry(8, 0, "", "Settings")
    assert entries["isTrain"] == params_file.Entry(1, 0, "", "Settings")
    assert "  --batch_size 8 [a whole number, from 1 to 1048576]" in help.text("batch_size", {"params.py": entries})
    (copy.folder / "params.py").write_text("")
    assert copy.resolve() == settings.Settings(*copy.resolve()[:2]) and copy.resolve().run.epochs == 300


def test_a_file_that_cannot_be_read(copy):
    (copy.folder / "model" / "params.py").unlink()
    message = copy.refuse()
    assert message.startswith("model/params.py cannot be read (") and "No such file or directory" in message
    assert message.endswith("); restore it with `git checkout model/params.py`")
    (copy.folder / "params.py").unlink()
    (copy.folder / "params.py").mkdir()
    assert copy.refuse().startswith("params.py cannot be read (")
    (copy.folder / "params.py").rmdir()


def test_a_file_that_is_not_utf8(copy):
    (copy.folder / "params.py").write_bytes(b"# fine\n# \xb5\xd8\nisTrain = 1\n")
    assert copy.refuse() == "params.py line 2: this is not UTF-8 text; save the file as UTF-8"
    (copy.folder / "params.py").write_bytes(b"isTrain = 1\n\0\0\0\n")
    assert copy.refuse() == "params.py line 2 contains a NUL byte; remove it, or save the file as UTF-8 text"


def test_params_are_read_not_run(copy):
    model = copy.folder / "model" / "params.py"
    (copy.folder / "params.py").write_text(f"__import__('os').remove({str(model)!r})\n")
    assert "expected a line of the form name = value" in copy.refuse()
    assert model.exists()
