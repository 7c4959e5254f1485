"""The manifest, a JSON file beside each checkpoint: the settings and the history of the run.

The keys are part of the file format and must not change.
"""

import hashlib
import json
from typing import NamedTuple, Optional, Tuple

from utils.config import VERSION, names, schema
from utils.config.command_line import new_run_command
from utils.config.settings import Network
from utils.errors import UserError

# The format version, raised whenever older programs can no longer read the file correctly. Format 2 added state and
# checksum; 3 added network and loss settings, classes and the best checkpoint; 4 to 9 added one network setting each;
# 10 has skip-layer excitation with classes.
FORMAT = 10
_RULES = {"run": schema.RUN, "network": schema.NETWORK}


class LaterVersionError(UserError):
    """The manifest was written by a later version of this program."""


class Best(NamedTuple):
    """The best checkpoint of a run so far."""

    step: int
    metric: str  # the history.csv column by which the checkpoint was chosen
    comparison: str  # the metric's features, images and samples; only values with the same comparison are comparable
    value: float  # the metric's value at this checkpoint
    lowest: float  # the best value so far (the highest if higher is better); `value` may be worse by the tolerance
    lowest_step: int  # the step at which `lowest` was measured


class SavedState(NamedTuple):
    """The history of a run apart from its steps: the `state` object in the manifest."""

    rollbacks: Tuple[int, ...] = ()  # the steps at which the run was rolled back to a checkpoint
    fingerprint: str = ""  # identifies the training images
    classes: Tuple[str, ...] = ()  # names of the classes, in the order of the labels
    best: Optional[Best] = None
    past_bests: Tuple[int, ...] = ()  # steps of the best checkpoints by earlier comparisons, which are kept
    run_id: str = ""  # see run_id.py; empty in checkpoints from version 0.8 or earlier
    data_version: int = 4  # index.VERSION of the program that prepared the images; 4 up to version 0.12


class Manifest(NamedTuple):
    """The contents of a checkpoint's manifest."""

    step: int
    run: dict  # the recorded run settings that this version still has
    network: Network
    saved: SavedState


# Fields of SavedState and Best whose JSON keys have different names.
_KEYS = {
    "fingerprint": "pictures",
    "past_bests": "former",
    "comparison": "of",
    "lowest": "least",
    "lowest_step": "least_step",
}


def _to_json(record):
    """Return a SavedState or Best as a dict with the manifest's keys."""
    return {_KEYS.get(name, name): value for name, value in record._asdict().items()}


def _from_json(kind, data):
    """Convert a dict from the manifest to a SavedState or Best, as `kind` says; missing keys get their defaults."""
    keys = {_KEYS.get(name, name): name for name in kind._fields}
    return kind(**{keys[key]: value for key, value in data.items() if key in keys})


def dumps(settings, step, tensorflow_version, saved):
    """Return the text of the manifest for the checkpoint at `step`."""
    return add_checksum(
        {
            "format": FORMAT,
            "step": step,
            "program": VERSION,
            "tensorflow": tensorflow_version,
            "run": settings.run._asdict(),
            "network": settings.network._asdict(),
            "state": _to_json(saved._replace(best=saved.best and _to_json(saved.best))),
        }
    )


def add_checksum(data):
    """Return the dict `data` as JSON text, with its checksum added."""
    return json.dumps(dict(data, checksum=_checksum(data)), indent=2)


def _checksum(data):
    text = json.dumps({name: value for name, value in data.items() if name != "checksum"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(path):
    """Return the Manifest in the JSON file `path`; raise UserError if it is damaged or from a later version."""
    data = _read_json(path)
    run, network = (_with_legacy(data.get(part), rules) for part, rules in _RULES.items())
    if not run or set(network) != set(schema.NETWORK):
        raise UserError(f"{path} does not have the settings that this version ({VERSION}) expects")
    if data["format"] < 10 and network["conditional"]:
        network["skip_excitation"] = 0  # version 0.17 recorded 1, but scaled nothing with classes
    run = {name: schema.check(name, run[name], rule, path) for name, rule in schema.RUN.items() if name in run}
    network = {name: schema.check(name, network[name], rule, path) for name, rule in schema.NETWORK.items()}
    return Manifest(data["step"], run, Network(**network), _read_state(data.get("state", {}), path))


def _with_legacy(values, rules):
    """Add the settings that earlier versions lacked, with the values they used; {} if `values` is not a dict."""
    legacy = {name: rule.legacy_value for name, rule in rules.items() if rule.legacy_value is not None}
    return dict(legacy, **values) if isinstance(values, dict) else {}


def _read_json(path):
    """Return the dict in the JSON file `path` after checking its format and checksum."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error})")
    if not isinstance(data, dict) or type(data.get("format")) is not int or type(data.get("step")) is not int:
        raise UserError(f"{path} is not a checkpoint's JSON file")
    if data["format"] > FORMAT:
        raise LaterVersionError(
            f"{path} was written by a later version of this program (format {data['format']}, this one reads up to "
            f"{FORMAT}); update the program"
        )
    if data["format"] >= 2 and data.get("checksum") != _checksum(data):
        raise UserError(f"{path} is damaged (its checksum is wrong)")
    return data


def _read_state(data, path):
    """Return the SavedState in `data`, the `state` object in the manifest `path`."""
    try:
        saved = _from_json(SavedState, data)
        best = _from_json(Best, saved.best) if saved.best else None
        rollbacks, past_bests = (tuple(map(int, steps)) for steps in (saved.rollbacks, saved.past_bests))
        classes = tuple(map(names.readable, saved.classes))  # version 0.12 and earlier recorded surrogates
        return saved._replace(rollbacks=rollbacks, classes=classes, best=best, past_bests=past_bests)
    except (AttributeError, TypeError, ValueError):
        raise UserError(f"{path}: this version ({VERSION}) cannot read its state")


def keep_defaults(manifest, settings):
    """Return (settings, kept): where a default has changed since the run began, the settings get its former value.

    Settings given in a params file or on the command line are not replaced. kept: {name: former value}.
    """
    kept = {
        name: before
        for name, before, now in _differences(manifest, settings)
        if before in schema.ALL[name].old_defaults and name not in settings.explicit
    }
    run, network = ({name: kept[name] for name in kept if name in rules} for rules in _RULES.values())
    return settings._replace(run=settings.run._replace(**run), network=settings.network._replace(**network)), kept


def _differences(manifest, settings):
    """Return (name, value in the manifest, value now) for each setting in the manifest whose value has changed."""
    before = dict(manifest.run, **manifest.network._asdict())
    now = dict(settings.run._asdict(), **settings.network._asdict())
    return [(name, before[name], now[name]) for name in now if name in before and before[name] != now[name]]


def compare(manifest, settings):
    """Return (changes that forbid resuming, changes that are allowed), as texts like 'k changed from 1 to 2'."""
    changes = {"keep": [], "change": [], "free": []}
    for name, before, now in _differences(manifest, settings):
        changes[schema.ALL[name].on_resume].append(f"{name} changed from {before} to {now}")
    return changes["keep"], changes["change"]


def check_same_run(manifest, checkpoint_path, settings):
    """Return the line that announces resuming the run of `manifest`; raise UserError if the settings forbid it."""
    refused, changed = compare(manifest, settings)
    if refused:
        raise UserError(
            f"{checkpoint_path} belongs to a run with different settings: {', '.join(refused)}. Restore them to resume "
            f"it, or start a new run: {new_run_command(settings)}"
        )
    new_run = "to start a new run, set a different --checkpoints_dir and --samples_dir"
    line = f"Resuming from step {manifest.step}, {checkpoint_path} ({new_run})."
    rollbacks = manifest.saved.rollbacks
    if rollbacks:
        steps = ", ".join(map(str, rollbacks))
        line += f" It diverged at step {steps}; learning rates are now scaled by {0.5 ** len(rollbacks):g}."
    return line + (f" {', '.join(changed)}." if changed else "")
