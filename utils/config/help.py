"""The text of --help: an overview, or the settings of a section of the params files."""

import re
import shutil
import textwrap

from utils.config import schema, suggestions
from utils.errors import UserError

# Of each task, the settings changed most often. The overview shows the first sentence of their comments.
TRAINING = ("pics_dir", "epochs", "batch_size", "learning_rate", "image_size", "filters", "crop", "conditional")
SAMPLING = ("num_samples", "checkpoint")
# Settings of training that sampling also uses.
ALSO_SAMPLING = (
    "isTrain", "pics_dir", "samples_dir", "checkpoints_dir", "cache_dir", "max_bad", "precision", "seed",
    "grid_columns", "metrics_network", "inception_graph",
)  # fmt: skip

USAGE = "usage: python main.py [--name value ...] [--help [topic]] [--version]"
INTRODUCTION = (
    "Train a DCGAN on the images in pics_dir or, with isTrain = 0, make images with it. Settings are in params.py "
    "and model/params.py; --batch_size 32, for example, replaces one for this run. --show_settings prints all."
)
TOPICS = (
    "Topics: --help with a word below shows these settings; --help training, --help sampling and --help all show "
    "all of them; --help with the name of a setting shows one."
)
BRACKETS = "Each setting with its current value, and in brackets the values allowed."


def text(topic, files):
    """Return the help on a topic: '' for the overview, a task, a section or a setting.

    files: {file: {name: params_file.Entry}}. Raise UserError for an unknown topic.
    """
    width = min(max(shutil.get_terminal_size().columns, 40), 100)
    sections, topic = sections_of(files), topic.lower()
    if not topic:
        return _overview(files, sections, width)
    chosen = _chosen(topic, sections)
    blocks = [_wrapped(BRACKETS, width), *(_section(*key, entries, width) for key, entries in chosen.items())]
    if topic == "sampling":
        blocks.append(_wrapped(f"Also used when sampling: {', '.join(ALSO_SAMPLING)}.", width))
    return "\n\n".join(blocks)


def _chosen(topic, sections):
    """Return those sections, or the one setting of a section, that a topic names."""
    tasks = {"training": {}, "sampling": {}, "all": sections}
    for key, entries in sections.items():
        only_sampling = all(schema.ALL[name].sampling for name in entries)
        tasks["sampling" if only_sampling else "training"][key] = entries
    names, words = {name.lower(): name for name in schema.ALL}, set(_words(topic))
    if topic in tasks:
        return tasks[topic]
    if topic.replace("-", "_") in names:
        name = names[topic.replace("-", "_")]
        return {key: {name: entries[name]} for key, entries in sections.items() if name in entries}
    chosen = {key: entries for key, entries in sections.items() if words and words <= set(_words(key[1]))}
    if not chosen:
        topics = list(dict.fromkeys([*tasks, *(key_of(title) for _, title in sections)]))
        hint = suggestions.suggestion(topic, [*topics, *schema.ALL], f"topics: {', '.join(topics)}")
        raise UserError(f"command line: --help has no topic {schema.short_repr(topic)}{hint}")
    return chosen


def sections_of(files):
    """Return {(file, title): {name: params_file.Entry}}, in the order of the files."""
    sections = {}
    for file, entries in files.items():
        for name, entry in entries.items():
            sections.setdefault((file, entry.section or file), {})[name] = entry
    return sections


def heading(file, title):
    """Return the heading of a section."""
    return f"{title}, in {file}" if title != file else title


def key_of(title):
    """Return the word that names a section: the first one of its title."""
    return (_words(title) or [title])[0]


def _words(title):
    return [word for word in re.findall(r"\w+", title.lower()) if word not in ("and", "of")]


def _overview(files, sections, width):
    entries = {name: entry for file_entries in files.values() for name, entry in file_entries.items()}
    lines = [_wrapped(USAGE, width), "", _wrapped(INTRODUCTION, width), ""]
    for title, names in (("Most used when training:", TRAINING), ("Most used when sampling (--isTrain 0):", SAMPLING)):
        lines.append(title)
        for name in names:
            option = f"  --{name} {schema.format_value(entries[name].value)}"
            lines.append(_row(option, 26, entries[name].comment.split(". ")[0].rstrip("."), width))
    lines += ["", _wrapped(TOPICS, width)]
    for (_, title), names in sections.items():
        lines.append(_row(f"  {key_of(title)}", 18, ", ".join(names), width))
    return "\n".join(lines)


def _row(left, column, right, width):
    """Return one line: `left`, then `right` from that column on, shortened to the width."""
    left = f"{left:<{column - 1}} "
    return left + textwrap.shorten(right, max(width - len(left), 10), placeholder=" ...")


def _section(file, title, entries, width):
    lines = [_wrapped(heading(file, title), width)]
    for name, entry in entries.items():
        lines.append(_wrapped(f"--{name} {schema.format_value(entry.value)} [{schema.ALL[name].choices}]", width, 2, 6))
        if entry.comment:
            lines.append(_wrapped(entry.comment, width, 6, 6))
    return "\n".join(lines)


def _wrapped(words, width, first=0, rest=0):
    """Return text wrapped to the width, its first line and the rest indented; names and paths are never broken."""
    return textwrap.fill(
        words,
        width,
        initial_indent=" " * first,
        subsequent_indent=" " * rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
