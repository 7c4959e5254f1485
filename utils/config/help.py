"""The text of --help: an overview, the settings of a task or of a section of the params files, or a single setting."""

import functools
import re
import shutil
import textwrap

from utils.config import schema, suggestions
from utils.errors import UserError

# The settings that users of each task change most often. The overview shows the first sentence of their comments.
TRAINING = ("pics_dir", "epochs", "batch_size", "learning_rate", "image_size", "filters", "crop", "conditional")
SAMPLING = ("num_samples", "checkpoint")
# Training settings that sampling tasks also use. A test compares this list with utils/tasks, which imports numpy.
ALSO_SAMPLING = (
    "isTrain", "pics_dir", "samples_dir", "checkpoints_dir", "cache_dir", "max_bad", "precision", "seed",
    "grid_columns", "metrics_network", "inception_graph",
)  # fmt: skip

USAGE = "usage: python main.py [--name value ...] [--help [topic]] [--version]"
INTRODUCTION = (
    "Train a DCGAN on the images in pics_dir or, with isTrain = 0, generate samples. Settings are in params.py and "
    "model/params.py; --batch_size 32, for example, overrides one for this run. --show_settings prints all."
)
TOPICS = (
    "Topics: --help and one of the words below shows the settings listed after it. Other topics: training, sampling, "
    "all, and the name of each setting."
)

wrap = functools.partial(textwrap.fill, break_long_words=False, break_on_hyphens=False)  # never breaks names and paths


def text(topic, files):
    """Return the help on a topic: a task, a section, a setting or 'all'; for '', the overview.

    files: {file: {name: params_file.Entry}}. Raise UserError for an unknown topic.
    """
    width = min(max(shutil.get_terminal_size().columns, 40), 100)
    sections, topic = group_by_section(files), topic.lower()
    if not topic:
        return _overview(sections, width)
    topics = _topics(sections)
    words = _words(topic)
    by_title = {section: entries for section, entries in sections.items() if words and words <= _words(section[0])}
    chosen = topics.get(topic.replace("-", "_"), by_title)
    if not chosen:
        shown = ", ".join(sorted(set(topics) - {name.lower() for name in schema.ALL}))
        hint = suggestions.suggestion(topic, topics, f"topics: {shown}")
        raise UserError(f"command line: --help has no topic {schema.short_repr(topic)}{hint}")
    blocks = [wrap("Each setting is shown with its current value, and with the allowed values in brackets.", width)]
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


def section_key(title):
    """Return the topic of a section: the first word of its title, in lower case."""
    return re.match(r"\W*(\w*)", title.lower()).group(1)


def _words(title):
    return set(re.findall(r"\w+", title.lower())) - {"and", "of"}


def _topics(sections):
    """Return {topic: its sections} for tasks, sections and settings; a setting's section holds only that setting."""
    topics = {"training": {}, "sampling": {}, "all": sections}
    for section, entries in sections.items():
        is_sampling = all(schema.ALL[name].sampling for name in entries)
        for topic in ("sampling" if is_sampling else "training", section_key(section[0])):
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
    """Return one line: `left`, then `right` from column `column` on, shortened to the width."""
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
