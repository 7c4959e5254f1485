"""The output of --help. Does not import TensorFlow."""

import textwrap

import pytest
from params_copy import edited_copy, untouched_copy  # noqa: F401  (fixtures)

from utils.config import help, schema, settings
from utils.errors import UserError
from utils.tasks import TASKS

FILES = settings.read_files()
SECTIONS = help.group_by_section(FILES)
KEYS = [help.section_key(title) for title, _ in SECTIONS]


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """A terminal with 80 columns; return a function that resizes it."""

    def resize(columns):
        monkeypatch.setenv("COLUMNS", str(columns))

    resize(80)
    return resize


def names_in(text):
    """Return the settings that have an entry in a --help text, in order."""
    return [line.split()[0][2:] for line in text.split("\n") if line.startswith("  --")]


def words_of(text):
    return " ".join(text.split())


def test_help_is_printed_and_ends_the_program(capsys):
    for argv, topic in ((["--help"], ""), (["-h"], ""), (["--help", "metrics"], "metrics")):
        with pytest.raises(SystemExit) as raised:
            settings.resolve(argv)
        assert raised.value.code == 0
        assert capsys.readouterr().out == help.text(topic, FILES) + "\n"


@pytest.mark.parametrize(
    "topic, hint",
    (
        ("qqqq", "topics: algorithm, all, augmentation, "),
        ("of", "topics: algorithm, all, augmentation, "),
        ("samplin", "did you mean sampling?"),
        ("batchsize", "did you mean batch_size?"),
    ),
)
def test_an_unknown_topic(topic, hint):
    with pytest.raises(UserError) as raised:
        help.text(topic, FILES)
    assert str(raised.value).startswith(f"command line: --help has no topic '{topic}'; {hint}")


def test_a_topic_is_any_words_of_a_title():
    for topic in ("Optimizers and learning rates", "rates", "learning-rates"):
        assert help.text(topic, FILES) == help.text("optimizers", FILES)


def test_the_overview_fits_a_screen_and_leads_to_everything():
    lines = help.text("", FILES).split("\n")
    assert len(lines) < 40 and max(map(len, lines)) <= 80  # leaves one line for the prompt
    assert lines[0] == "usage: python main.py [--name value ...] [--help [topic]] [--version]"
    assert "  --epochs 300            Passes over the data set" in lines
    assert "  --num_samples 64        Number of samples to generate" in lines
    assert "  pictures        crop, load_size, background, white_level, mirror, ..." in lines
    assert [line.split()[0] for line in lines[-len(KEYS) :]] == KEYS
    assert names_in("\n".join(lines)) == [*help.TRAINING, *help.SAMPLING]


def test_keys_of_sections_are_unique():
    assert len(set(KEYS)) == len(KEYS)
    assert not set(KEYS) & ({name.lower() for name in schema.ALL} | {"training", "all"})


def test_a_section_fits_a_screen():
    for key, (title, file) in zip(KEYS, SECTIONS):
        text = help.text(key, FILES)
        names = names_in(text)
        if key == "sampling":  # 'sampling' also names a task; the section comes first
            names = names[: len(SECTIONS[title, file])]
        else:
            assert len(text.split("\n")) < 40 and help.text(title.upper(), FILES) == text
        assert names == list(SECTIONS[title, file])
        assert f"\n{title}, in {file}\n" in text


def test_training_and_sampling_are_apart():
    training, sampling = (names_in(help.text(task, FILES)) for task in ("training", "sampling"))
    assert sorted(training + sampling) == sorted(schema.ALL) and not set(training) & set(sampling)
    assert sampling == [name for name, rule in schema.ALL.items() if rule.sampling]
    assert names_in(help.text("all", FILES)) == list(schema.ALL)
    also = words_of(help.text("sampling", FILES)).split("Also used when sampling: ")[1]
    assert also.rstrip(".").split(", ") == list(help.ALSO_SAMPLING)


def test_settings_of_training_that_sampling_also_uses(settings):
    """The list in help.py matches the task declarations."""
    used = {name for task in TASKS for name in task.used(settings.run) if name}
    assert [name for name, rule in schema.ALL.items() if name in used and not rule.sampling] == [
        name for name in schema.ALL if name in help.ALSO_SAMPLING
    ]


def test_every_setting_with_comment_value_and_choices():
    everything = words_of(help.text("all", FILES))
    for (title, _), entries in SECTIONS.items():
        for name, entry in entries.items():
            value = "''" if entry.value == "" else entry.value
            expected = f"--{name} {value} [{schema.ALL[name].choices}] {entry.comment}"
            text = help.text(name.upper().replace("_", "-"), FILES)
            assert words_of(text).endswith(expected) and names_in(text) == [name] and title in text
            assert expected in everything


@pytest.mark.parametrize("columns", (20, 60, 300))
def test_texts_are_wrapped_to_the_terminal(terminal, columns):
    terminal(columns)
    limit = min(max(columns, 40), 100)
    texts = {topic: help.text(topic, FILES).split("\n") for topic in ("", "all")}
    for topic, lines in texts.items():
        for line in lines:
            assert len(line) <= limit or len(line.split()) <= 2 or (line.startswith("  --") and topic == ""), line
    assert max(map(len, texts["all"])) > limit - 10


def test_the_current_value_is_that_of_the_file(copy):
    copy.edit("batch_size = 8", "batch_size = 48")
    files = settings.read_files(copy.root)
    assert "  --batch_size 48 [a whole number, from 1 to 1048576]" in help.text("algorithm", files)
    assert "  --batch_size 48 " in help.text("", files)


def test_files_without_titles_comments_or_short_values(copy):
    for file in settings.FILES:
        lines = (copy.folder / file).read_text().split("\n")
        (copy.folder / file).write_text("\n".join(line for line in lines if not line.startswith("#")))
    long = "long/" * 40
    copy.edit('pics_dir = "pics"', f'pics_dir = "{long}"')
    files = settings.read_files(copy.root)
    assert names_in(help.text("all", files)) == list(schema.ALL) and long in help.text("pics_dir", files)
    assert "\nSettings, in params.py\n  --isTrain 1 [0 or 1]\n  --pics_dir" in help.text("all", files)
    assert names_in(help.text("", files)) == [*help.TRAINING, *help.SAMPLING]


def test_words_are_never_broken():
    text = help.text("metrics", FILES)
    assert "inception-2015-12-05.pb" in text and textwrap.dedent(text) == text
