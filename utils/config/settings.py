"""Read the settings: both params files, then the command line; check them, and print them once.

The params files are parsed, never executed, so that a mistake in them is one line with its number.
"""

import argparse
import ast
import difflib
import io
import os
import tokenize
from collections import namedtuple
from typing import Any, NamedTuple

from utils.config import schema as rules
from utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = (("params.py", rules.RUN), (os.path.join("model", "params.py"), rules.NETWORK))

FOLDERS = ("pics_dir", "samples_dir", "checkpoints_dir", "cache_dir")
PATHS = ("init_from", "inception_graph")  # which may be '', for none
SAMPLING = ("checkpoint", "num_samples", "single", "sample_seed", "classes", "evaluate", "evaluate_samples")
EVALUATION = ("checkpoint", "evaluate_samples", "inception_graph", "precision")

Run = namedtuple("Run", rules.RUN)
Network = namedtuple("Network", rules.NETWORK)


class Settings(NamedTuple):
    """All settings of a run; folders are absolute."""

    run: Run
    network: Network


class Entry(NamedTuple):
    """A setting as a params file has it."""

    value: Any
    line: int
    comment: str


def resolve(argv, root=ROOT):
    """Return the Settings of the params files below `root`, overridden by the command line `argv`, checked."""
    groups = [read_file(os.path.join(root, path), path, names) for path, names in FILES]
    given = _parse_command_line(argv, groups)
    values = {}
    for (_, names), entries in zip(FILES, groups):
        for name, rule in names.items():
            values[name] = entries[name].value
            if name in given:
                values[name] = rules.parse(name, given[name], rule, "command line")
    for name in (*FOLDERS, *PATHS):
        if values[name]:
            values[name] = os.path.normpath(os.path.join(root, os.path.expanduser(values[name])))
    settings = Settings(
        Run(**{name: values[name] for name in rules.RUN}), Network(**{name: values[name] for name in rules.NETWORK})
    )
    if settings.run.isTrain:  # sampling has its network from the checkpoint, and wants no pictures
        _check_together(settings)
    return settings


def read_file(path, shown, names):
    """Return {name: Entry} of a params file, which must set each of `names` once, to a plain value."""
    text = _read_text(path, shown)
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        source = (error.text or "").strip()
        raise UserError("%s line %s: this is not Python (%s): %s" % (shown, error.lineno, error.msg, source))
    except ValueError as error:  # a NUL byte, on old Pythons
        raise UserError("%s: this is not Python (%s)" % (shown, error))
    comments = _comments(text)
    entries = {}
    for node in tree.body:
        place = "%s line %d" % (shown, node.lineno)
        if isinstance(node, ast.Expr) and isinstance(_literal(node.value), str):
            continue  # the docstring
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
            source = text.splitlines()[node.lineno - 1].strip()
            raise UserError("%s: only lines such as name = value belong here, not: %s" % (place, source))
        name = node.targets[0].id
        if name not in names:
            raise UserError("%s: unknown setting %s%s" % (place, name, _suggest(name, names)))
        if name in entries:
            raise UserError("%s: %s is set a second time, after line %d" % (place, name, entries[name].line))
        value = _literal(node.value)
        if value is None:
            wanted = names[name].choices
            raise UserError("%s: %s needs a plain value, without names or sums: %s" % (place, name, wanted))
        value = rules.check(name, value, names[name], place)
        entries[name] = Entry(value, node.lineno, comments.get(node.lineno, ""))
    _check_complete(entries, shown, names)
    return entries


def _read_text(path, shown):
    try:
        with tokenize.open(path) as file:
            return file.read()
    except FileNotFoundError:
        raise UserError("%s is missing (looked for %s); bring it back with `git checkout %s`" % (shown, path, shown))
    except OSError as error:
        raise UserError("%s cannot be read: %s" % (shown, error))
    except (SyntaxError, UnicodeDecodeError):
        raise UserError("%s%s: this is not UTF-8 text; save the file as UTF-8" % (shown, _undecodable_line(path)))


def _undecodable_line(path):
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return " line %d" % number
    return ""  # the mistake is in a coding declaration


def _literal(node):
    """Return the value of a literal such as 64, -1.5 or 'adam'; None for anything else."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _comments(text):
    """Return {line: the comment that ends there or stands right above it}."""
    found, block = {}, []
    for line, source in enumerate(io.StringIO(text), 1):
        source = source.strip()
        if source.startswith("#"):
            block.append(source.lstrip("# "))
            continue
        if source:
            found[line] = " ".join(block)
        block = []
    return found


def _check_complete(entries, shown, names):
    before = "at the top"
    for name, rule in names.items():
        if name not in entries:
            where = "%s: the setting %s is missing %s" % (shown, name, before)
            raise UserError("%s; add a line %s = <%s>" % (where, name, rule.choices))
        before = "after line %d (%s)" % (entries[name].line, name)


def _suggest(name, names):
    lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower().replace("-", "_"), list(lower), 1, 0.5)
    return "; did you mean %s?" % lower[close[0]] if close else "; `python main.py --help` lists all settings"


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError("command line: %s; `python main.py --help` lists all settings" % message)


def _parse_command_line(argv, groups):
    """Return {name: text} of the settings given on the command line."""
    parser = _Parser(
        prog="python main.py",
        usage="python main.py [--name value ...]",
        description="Train a DCGAN on the pictures in pics_dir, or with --isTrain 0 make pictures with it.",
        epilog="The defaults are those of params.py and model/params.py as they stand now.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for (path, names), entries in zip(FILES, groups):
        group = parser.add_argument_group("settings of %s" % path)
        for name, rule in names.items():
            words = "%s (now: %s)" % (entries[name].comment, entries[name].value)
            group.add_argument("--" + name, metavar=rule.kind.__name__.upper(), help=words.replace("%", "%%"))
    given, strangers = parser.parse_known_args(argv)
    if strangers:
        stranger = strangers[0].split("=")[0]
        known = [name for _, names in FILES for name in names]
        if stranger.startswith("-"):
            name = stranger.lstrip("-")
            raise UserError("command line: unknown setting --%s%s" % (name, _suggest(name, known)))
        raise UserError("command line: %r belongs to no setting; write --name value" % stranger)
    return vars(given)


def _check_together(settings):
    """Refuse what is possible alone, but not together."""
    run, network = settings
    _check_losses(run, network)
    if network.max_filters < network.filters:
        raise UserError(
            "max_filters = %d is less than filters = %d; raise the one or lower the other in model/params.py"
            % (network.max_filters, network.filters)
        )
    if run.crop == "random" and 0 < run.load_size < network.image_size:
        raise UserError(
            "load_size = %d is less than image_size = %d, so no window fits in; raise it, or give 0 in params.py"
            % (run.load_size, network.image_size)
        )
    for name in FOLDERS[1:]:
        if _is_inside(getattr(run, name), run.pics_dir):
            raise UserError(
                "%s = %s is inside pics_dir = %s, where every picture is trained on; choose a folder beside it"
                % (name, getattr(run, name), run.pics_dir)
            )


def _check_losses(run, network):
    """Refuse losses, penalties and normalisations that do not go together."""
    if run.loss == "wasserstein" and run.gradient_penalty == "none":
        raise UserError(
            "loss = 'wasserstein' without a penalty lets D's output grow without bounds; set gradient_penalty = "
            "'wgan-gp' or 'r1' in params.py, or another loss"
        )
    if run.gradient_penalty == "wgan-gp" and network.d_norm == "batch":
        raise UserError(
            "gradient_penalty = 'wgan-gp' is about each picture's own gradient, which d_norm = 'batch' mixes with "
            "those of the others in its batch; set d_norm = 'layer', 'spectral' or 'none' in model/params.py"
        )
    if run.label_smoothing and run.loss not in ("non_saturating", "least_squares"):
        raise UserError(
            "label_smoothing = %g has no labels to smooth with loss = %r; set it to 0 in params.py, or loss to "
            "'non_saturating' or 'least_squares'" % (run.label_smoothing, run.loss)
        )
    if run.penalty_every > 1 and run.gradient_penalty == "none":
        raise UserError(
            "penalty_every = %d, but gradient_penalty = 'none'; set it to 1 in params.py, or choose a penalty"
            % run.penalty_every
        )
    if run.inception_graph and not os.path.isfile(run.inception_graph):
        raise UserError(
            "inception_graph = %s is no file; name that of the Inception network in params.py, or set it to ''"
            % run.inception_graph
        )


def _is_inside(path, folder):
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return (path + os.sep).startswith(folder.rstrip(os.sep) + os.sep)


def describe(settings):
    """Return the settings that this run goes by as lines of text: sampling has its network from the checkpoint."""
    run, network = settings
    folders = list(FOLDERS)
    if run.isTrain:
        title, left_out = "Training", SAMPLING
        groups = [folders, [n for n in rules.RUN if n not in folders and n not in left_out], list(rules.NETWORK)]
    else:
        title, groups = "Sampling", [folders[1:3], [*SAMPLING, "grid_columns", "precision"]]
        if run.evaluate:
            title, groups = "Evaluating", [folders, EVALUATION]
    values = dict(run._asdict(), **network._asdict())
    lines = [title]
    for names in groups:
        width = 1 if names[-1].endswith("_dir") else 4
        pairs = [
            "%s = %s" % (name, "''" if values[name] == "" else values[name]) for name in names if name != "isTrain"
        ]
        lines += ["  " + ", ".join(pairs[i : i + width]) for i in range(0, len(pairs), width)]
    return "\n".join(lines)
