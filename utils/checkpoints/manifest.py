"""The JSON beside each checkpoint: the settings it was made with, and what the run has been through.

Its keys are a file format: they stay as they are.
"""

import hashlib
import json
from typing import NamedTuple, Optional, Tuple

from utils.config import schema
from utils.config.settings import Network
from utils.config.version import VERSION
from utils.errors import UserError

# Of the JSON; raised when an older program could no longer read it correctly. 2: state and checksum. 3: settings of
# networks and losses, classes, the best checkpoint. 4, 5: a setting of networks each.
FORMAT = 5


class LaterVersionError(UserError):
    """The manifest was written by a later version of this program."""


class Best(NamedTuple):
    """The best checkpoint of a run so far."""

    step: int
    metric: str  # the column of history.csv by which it was chosen; lower is better
    comparison: str  # what was compared: values of different comparisons must not be compared
    value: float  # of this checkpoint
    lowest: float  # the lowest value so far; `value` is at most a little higher, see the tolerance of the metric
    lowest_step: int  # the step of the lowest value


class SavedState(NamedTuple):
    """What a run has been through, beside its steps: the `state` of the JSON."""

    rollbacks: Tuple[int, ...] = ()  # the steps at which it diverged and returned to a checkpoint
    fingerprint: str = ""  # of the training images
    classes: Tuple[str, ...] = ()  # their names, in the order of the labels
    best: Optional[Best] = None
    past_bests: Tuple[int, ...] = ()  # steps that were the best by another comparison; their checkpoints are kept
    run_id: str = ""  # the identity of the run, see run_id.py; up to version 0.8 there is none


class Manifest(NamedTuple):
    """The content of a checkpoint's JSON."""

    step: int
    run: dict  # those of its run settings that this version has
    network: Network
    saved: SavedState


def dumps(settings, step, tensorflow_version, saved):
    """Return the JSON text for the checkpoint of `step`."""
    return add_checksum(
        {
            "format": FORMAT,
            "step": step,
            "program": VERSION,
            "tensorflow": tensorflow_version,
            "run": settings.run._asdict(),
            "network": settings.network._asdict(),
            "state": _state(saved),
        }
    )


# Fields that have another name in the JSON.
_STATE_KEYS = {"fingerprint": "pictures", "past_bests": "former"}
_BEST_KEYS = {"comparison": "of", "lowest": "least", "lowest_step": "least_step"}


def _state(saved):
    """Return the `state` of the JSON."""
    best = saved.best and {_BEST_KEYS.get(name, name): value for name, value in saved.best._asdict().items()}
    return {_STATE_KEYS.get(name, name): value for name, value in saved._replace(best=best)._asdict().items()}


def add_checksum(data):
    """Return the JSON text of `data`, a dict, with its checksum."""
    return json.dumps(dict(data, checksum=_checksum(data)), indent=2)


def _checksum(data):
    text = json.dumps({name: value for name, value in data.items() if name != "checksum"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(path):
    """Return the Manifest in the JSON file `path`; raise UserError if it is damaged, or of a later version."""
    data = _read_json(path)
    run, network = data.get("run"), data.get("network")
    if isinstance(run, dict) and isinstance(network, dict):
        run, network = _with_earlier(run, schema.RUN), _with_earlier(network, schema.NETWORK)
    if not isinstance(run, dict) or not isinstance(network, dict) or set(network) != set(schema.NETWORK):
        raise UserError(f"{path}: its settings are not those of this version ({VERSION})")
    run = {name: schema.check(name, run[name], rule, path) for name, rule in schema.RUN.items() if name in run}
    network = {name: schema.check(name, network[name], rule, path) for name, rule in schema.NETWORK.items()}
    return Manifest(data["step"], run, Network(**network), _saved(data.get("state", {}), path))


def _read_json(path):
    """Return the dict in the JSON file `path`, its format and checksum checked."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error})")
    if not isinstance(data, dict) or type(data.get("format")) is not int or type(data.get("step")) is not int:
        raise UserError(f"{path} is not the JSON of a checkpoint")
    if data["format"] > FORMAT:
        raise LaterVersionError(
            f"{path} was written by a later version of this program (format {data['format']}, this one reads up to "
            f"{FORMAT}); update the program"
        )
    if data["format"] >= 2 and data.get("checksum") != _checksum(data):
        raise UserError(f"{path} is damaged (its checksum is wrong)")
    return data


def _with_earlier(values, rules):
    """Add the settings that the JSON of an earlier version does not have, with the values that it worked by."""
    earlier = {name: rule.legacy_value for name, rule in rules.items() if rule.legacy_value is not None}
    return dict(earlier, **values)


def _saved(data, path):
    """Return the SavedState in `data`, the `state` of the JSON `path`."""
    try:
        stored = data.keys()
        values = {name: data[key] for name, key in _fields(SavedState, _STATE_KEYS) if key in stored}
        best = values.get("best")
        values["best"] = Best(**{name: best[key] for name, key in _fields(Best, _BEST_KEYS)}) if best else None
        values.update((name, tuple(values.get(name, ()))) for name in ("rollbacks", "classes", "past_bests"))
        saved = SavedState(**values)
        if _has_right_types(saved):
            return saved
    except (AttributeError, KeyError, TypeError):
        pass
    raise UserError(f"{path}: its state is not one that this version ({VERSION}) can read")


def _fields(kind, keys):
    """Return (field, its key in the JSON) of each field of a NamedTuple."""
    return [(name, keys.get(name, name)) for name in kind._fields]


def _has_right_types(saved):
    best = saved.best
    steps = saved.rollbacks + saved.past_bests + ((best.step, best.lowest_step) if best else ())
    texts = (saved.fingerprint, saved.run_id, *saved.classes, *((best.metric, best.comparison) if best else ()))
    return all(isinstance(text, str) for text in texts) and all(type(step) is int for step in steps)


def fingerprint(settings, images):
    """Return an integer of 63 bits, equal for workers about to do the same; images: the fingerprint of theirs."""
    run, network = settings.run, settings.network
    relevant = {name: value for name, value in run._asdict().items() if schema.RUN[name].on_resume != "free"}
    text = json.dumps([VERSION, images, relevant, network], sort_keys=True)
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) >> (256 - 63)


def keep_defaults(manifest, settings):
    """Return (settings, kept): those whose default has changed since the run began have the value it began with.

    A setting that was chosen now, in a params file or on the command line, is left as it is. kept: {name: value}.
    """
    kept = {}
    for part, recorded, rules in (
        ("run", manifest.run, schema.RUN),
        ("network", manifest.network._asdict(), schema.NETWORK),
    ):
        values = getattr(settings, part)
        for name, rule in rules.items():
            was_default = recorded.get(name) in rule.old_defaults
            if was_default and name not in settings.explicit and recorded[name] != getattr(values, name):
                kept[name] = recorded[name]
                values = values._replace(**{name: recorded[name]})
        settings = settings._replace(**{part: values})
    return settings, kept


def compare(manifest, settings):
    """Return (differences that forbid resuming, differences that are allowed), such as 'k was 1 and is 2 now'."""
    refused, changed = [], []
    for then, now, rules in (
        (manifest.run, settings.run._asdict(), schema.RUN),
        (manifest.network._asdict(), settings.network._asdict(), schema.NETWORK),
    ):
        for name, rule in rules.items():
            if name in then and then[name] != now[name] and rule.on_resume != "free":
                difference = f"{name} was {then[name]} and is {now[name]} now"
                (refused if rule.on_resume == "keep" else changed).append(difference)
    return refused, changed


def check_same_run(manifest, checkpoint_path, settings):
    """Return the line that announces that the run of `manifest` is resumed; raise UserError if it is another run."""
    refused, changed = compare(manifest, settings)
    new_run = "other --checkpoints_dir and --samples_dir start a new run"
    if refused:
        raise UserError(
            f"{checkpoint_path} belongs to a run with different settings: {', '.join(refused)}. Restore them "
            f"to resume it; {new_run}"
        )
    line = f"Resuming from step {manifest.step}, {checkpoint_path} ({new_run})."
    rollbacks = manifest.saved.rollbacks
    if rollbacks:
        steps = ", ".join(map(str, rollbacks))
        line += f" It diverged at step {steps}; learning rates are now scaled by {0.5 ** len(rollbacks):g}."
    return line + (f" Changed: {', '.join(changed)}." if changed else "")
