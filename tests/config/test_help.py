"""The texts of --help. No TensorFlow here."""

import textwrap

import pytest
from params_copy import Copy

from utils.config import help, schema, settings

FILES = settings.read_files()
SECTIONS = help.sections_of(FILES)
KEYS = [help.key_of(title) for _, title in SECTIONS]
TASKS = ["training", "sampling", "all"]


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """A terminal of 80 columns; return what makes it another."""
    resize = lambda columns: monkeypatch.setenv("COLUMNS", str(columns))  # noqa: E731
    resize(80)
    return resize


def names_in(text):
    """Return the settings that have an entry in a text of --help, in order."""
    return [line.split()[0][2:] for line in text.split("\n") if line.startswith("  --")]


def words_of(text):
    return " ".join(text.split())


def test_help_is_printed_and_ends_the_program(capsys):
    for argv, topic in ((["--help"], ""), (["-h"], ""), (["--help", "metrics"], "metrics")):
        with pytest.raises(SystemExit) as raised:
            settings.resolve(argv)
        assert raised.value.code == 0
        assert capsys.readouterr().out == help.text(topic, FILES) + "\n"


def test_the_overview_fits_a_screen_and_leads_to_everything():
    lines = help.text("", FILES).split("\n")
    assert len(lines) < 40 and max(map(len, lines)) <= 80  # the prompt needs a line
    assert lines[0] == "usage: python main.py [--name value ...] [--help [topic]] [--version]"
    assert "  --epochs 300            How often every image is shown" in lines
    assert "  --num_samples 64        Number of images to make" in lines
    assert "  pictures        crop, load_size, background, white_level, mirror, max_bad" in lines
    assert [line.split()[0] for line in lines[-len(KEYS) :]] == KEYS
    assert names_in("\n".join(lines)) == [*help.TRAINING, *help.SAMPLING]


def test_keys_of_sections_are_unique():
    assert len(set(KEYS)) == len(KEYS)
    assert not set(KEYS) & ({name.lower() for name in schema.ALL} | {"training", "all"})


@pytest.mark.parametrize("key, section", list(zip(KEYS, SECTIONS)), ids=KEYS)
def test_a_section_fits_a_screen(key, section):
    text = help.text(key, FILES)
    names = names_in(text)
    if key == "sampling":  # also a task, of which it is the first section
        names = names[: len(SECTIONS[section])]
    else:
        assert len(text.split("\n")) < 40
    assert names == list(SECTIONS[section])
    assert f"\n{section[1]}, in {section[0]}\n" in text
    assert help.text(section[1].upper(), FILES) == text or key == "sampling"  # which says more by its key


def test_training_and_sampling_are_apart():
    training, sampling = (names_in(help.text(task, FILES)) for task in ("training", "sampling"))
    assert sorted(training + sampling) == sorted(schema.ALL) and not set(training) & set(sampling)
    assert sampling == [name for name, rule in schema.ALL.items() if rule.sampling]
    assert names_in(help.text("all", FILES)) == list(schema.ALL)
    also = words_of(help.text("sampling", FILES)).split("Also used when sampling: ")[1]
    assert also.rstrip(".").split(", ") == list(help.ALSO_SAMPLING)


@pytest.mark.parametrize("name", schema.ALL)
def test_every_setting_with_comment_value_and_choices(name):
    (entry,) = [entries[name] for entries in FILES.values() if name in entries]
    rule, value = schema.ALL[name], "''" if entry.value == "" else entry.value
    expected = f"--{name} {value} [{rule.choices}] {entry.comment}"
    assert expected in words_of(help.text("all", FILES))
    for topic in (name, name.upper().replace("_", "-")):
        text = help.text(topic, FILES)
        assert words_of(text).endswith(expected) and names_in(text) == [name] and entry.section in text


@pytest.mark.parametrize("columns", (20, 40, 60, 100, 300))
def test_texts_are_wrapped_to_the_terminal(terminal, columns):
    terminal(columns)
    limit = min(max(columns, 40), 100)
    for topic in ("", *TASKS, *KEYS):
        for line in help.text(topic, FILES).split("\n"):
            assert len(line) <= limit or len(line.split()) <= 2 or (line.startswith("  --") and topic == ""), line
    longest = max(map(len, help.text("all", FILES).split("\n")))
    assert longest > limit - 10


def test_the_current_value_is_that_of_the_file(tmp_path):
    copy = Copy(tmp_path)
    copy.edit("batch_size = 8", "batch_size = 48")
    files = settings.read_files(copy.root)
    assert "  --batch_size 48 [a whole number, from 1 to 1048576]" in help.text("algorithm", files)
    assert "  --batch_size 48 " in help.text("", files)


def test_files_without_titles_comments_or_short_values(tmp_path):
    copy = Copy(tmp_path)
    for file in settings.FILES:
        lines = (copy.folder / file).read_text().split("\n")
        (copy.folder / file).write_text("\n".join(line for line in lines if not line.startswith("#")))
    long = "long/" * 40
    copy.edit('pics_dir = "pics"', f'pics_dir = "{long}"')
    files = settings.read_files(copy.root)
    assert names_in(help.text("all", files)) == list(schema.ALL) and long in help.text("pics_dir", files)
    assert "params.py\n  --isTrain 1 [0 or 1]\n  --pics_dir" in help.text("training", files)
    assert names_in(help.text("", files)) == [*help.TRAINING, *help.SAMPLING]


def test_words_are_never_broken():
    text = help.text("metrics", FILES)
    assert "inception-2015-12-05.pb" in text and textwrap.dedent(text) == text
