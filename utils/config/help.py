"""The text of --help: an overview, or the settings of a task, of a section of the params files, or one setting."""

import functools
import re
import shutil
import textwrap

from utils.config import schema, suggestions
from utils.errors import UserError

# The settings that users of each task change most often. The overview shows the first sentence of their comments.
TRAINING = ("pics_dir", "epochs", "batch_size", "learning_rate", "image_size", "filters", "crop", "conditional")
SAMPLING = ("num_samples", "checkpoint")
# Settings of training that tasks of sampling also use; a test compares them with utils/tasks, which imports numpy.
ALSO_SAMPLING = (
    "isTrain", "pics_dir", "samples_dir", "checkpoints_dir", "cache_dir", "max_bad", "precision", "seed",
    "grid_columns", "metrics_network", "inception_graph",
)  # fmt: skip

USAGE = "usage: python main.py [--name value ...] [--help [topic]] [--version]"
INTRODUCTION = (
    "Train a DCGAN on the images in pics_dir or, with isTrain = 0, generate samples. Settings are in params.py and "
    "model/params.py; --batch_size 32, for example, replaces one for this run. --show_settings prints all."
)
TOPICS = (
    "Topics: --help with a word below shows these settings; --help training, --help sampling and --help all show "
    "all of them; --help with the name of a setting shows one."
)

wrap = functools.partial(textwrap.fill, break_long_words=False, break_on_hyphens=False)  # never breaks names and paths


def text(topic, files):
    """Return the help on a topic: '' for the overview, a task, a section or a setting.

    files: {file: {name: params_file.Entry}}. Raise UserError for an unknown topic.
    """
    width = min(max(shutil.get_terminal_size().columns, 40), 100)
    sections, topic = group_by_section(files), topic.lower()
    if not topic:
        return _overview(sections, width)
    topics = _topics(sections)
    words = _title_words(topic)
    by_title = {key: entries for key, entries in sections.items() if words and words <= _title_words(key[0])}
    chosen = topics.get(topic.replace("-", "_")) or by_title
    if not chosen:
        hint = suggestions.suggestion(topic, topics, f"topics: {', '.join(sorted(set(topics) - _setting_names()))}")
        raise UserError(f"command line: --help has no topic {schema.short_repr(topic)}{hint}")
    blocks = [wrap("Each setting with its current value, and in brackets the values allowed.", width)]
    blocks += [_section(*section, entries, width) for section, entries in chosen.items()]
    if topic == "sampling":
        blocks.append(wrap(f"Also used when sampling: {', '.join(ALSO_SAMPLING)}.", width))
    return "\n\n".join(blocks)


def group_by_section(files):
    """Return {(title, file): {name: params_file.Entry}}, in the order of the files."""
    sections = {}
    for file, entries in files.items():
        for name, entry in entries.items():
            sections.setdefault((entry.section, file), {})[name] = entry
    return sections


def is_only_sampling(names):
    """Return whether only tasks of sampling use these settings."""
    return all(schema.ALL[name].sampling for name in names)


def section_key(title):
    """Return the topic of a section: the first word of its title, in lower case."""
    return re.match(r"\W*(\w*)", title.lower()).group(1)


def _title_words(title):
    return set(re.findall(r"\w+", title.lower())) - {"and", "of"}


def _setting_names():
    return {name.lower() for name in schema.ALL}


def _topics(sections):
    """Return {topic: its sections} for tasks, sections and settings; a setting's section has this setting alone."""
    topics = {"training": {}, "sampling": {}, "all": sections}
    for section, entries in sections.items():
        for topic in ("sampling" if is_only_sampling(entries) else "training", section_key(section[0])):
            topics.setdefault(topic, {})[section] = entries
        topics.update({name.lower(): {section: {name: entry}} for name, entry in entries.items()})
    return topics


def _overview(sections, width):
    entries = {name: entry for section in sections.values() for name, entry in section.items()}
    lines = [wrap(USAGE, width), "", wrap(INTRODUCTION, width), ""]
    for title, names in (("Most used when training:", TRAINING), ("Most used when sampling (--isTrain 0):", SAMPLING)):
        lines.append(title)
        for name in names:
            option = f"  --{name} {schema.format_value(entries[name].value)}"
            lines.append(_row(option, 26, entries[name].comment.split(". ")[0].rstrip("."), width))
    lines += ["", wrap(TOPICS, width)]
    lines += [_row(f"  {section_key(title)}", 18, ", ".join(names), width) for (title, _), names in sections.items()]
    return "\n".join(lines)


def _row(left, column, right, width):
    """Return one line: `left`, then `right` from that column on, shortened to the width."""
    left = f"{left:<{column - 1}} "
    return left + textwrap.shorten(right, max(width - len(left), 10), placeholder=" ...")


def _section(title, file, entries, width):
    lines = [wrap(f"{title}, in {file}", width)]
    for name, entry in entries.items():
        option = f"--{name} {schema.format_value(entry.value)} [{schema.ALL[name].choices}]"
        lines.append(wrap(option, width, initial_indent="  ", subsequent_indent=" " * 6))
        if entry.comment:
            lines.append(wrap(entry.comment, width, initial_indent=" " * 6, subsequent_indent=" " * 6))
    return "\n".join(lines)
