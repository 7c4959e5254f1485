"""The settings of a run, kept in a JSON beside each checkpoint: write, read, and compare with those of today."""

import hashlib
import json
from typing import NamedTuple, Optional, Tuple

from utils.config import schema as rules
from utils.config.settings import Network
from utils.errors import UserError

VERSION = "0.6.0"  # of this program
# Of the JSON; raised when an older program could no longer read it rightly. 2: state and checksum are new. 3: settings
# of networks and losses that it would not know, classes, and the best checkpoint. 4: a setting of networks.
FORMAT = 4


class LaterVersionError(UserError):
    """The record was written by a later version of this program."""


class Best(NamedTuple):
    """The best checkpoint of a run so far."""

    step: int
    metric: str  # the column of history.csv it was chosen by; less is better
    of: str  # what was compared: values of another comparison are not to be held against these
    value: float  # of this checkpoint
    least: float  # that was ever measured; `value` is not much more, see measure.SLACK
    least_step: int  # where that was


class State(NamedTuple):
    """What a run has gone through, beside its steps."""

    rollbacks: Tuple[int, ...] = ()  # the steps at which it went wrong, and went back to a checkpoint
    pictures: str = ""  # fingerprint of the pictures it is trained on
    classes: Tuple[str, ...] = ()  # their names, in the order of the labels
    best: Optional[Best] = None
    former: Tuple[int, ...] = ()  # steps of those that were the best by another comparison; they stay


class Record(NamedTuple):
    """What a checkpoint's JSON says."""

    step: int
    run: dict  # the run settings that it has and this version knows
    network: Network
    state: State


def dumps(settings, step, tensorflow_version, state):
    """Return the JSON text that goes with the checkpoint of `step`."""
    return seal(
        {
            "format": FORMAT,
            "step": step,
            "program": VERSION,
            "tensorflow": tensorflow_version,
            "run": settings.run._asdict(),
            "network": settings.network._asdict(),
            "state": dict(state._asdict(), best=state.best and state.best._asdict()),
        }
    )


def seal(data):
    """Return the JSON text of a record's data, with its checksum."""
    return json.dumps(dict(data, checksum=_checksum(data)), indent=2)


def _checksum(data):
    text = json.dumps({name: value for name, value in data.items() if name != "checksum"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(path):
    """Return the Record in the JSON file at `path`; raise UserError where it is not whole, or from a later program."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError("%s cannot be read (%s)" % (path, error))
    if not isinstance(data, dict) or type(data.get("format")) is not int or type(data.get("step")) is not int:
        raise UserError("%s is not the record of a checkpoint" % path)
    if data["format"] > FORMAT:
        raise LaterVersionError(
            "%s was written by a later version of this program (format %d, this one reads up to %d); update the program"
            % (path, data["format"], FORMAT)
        )
    if data["format"] >= 2 and data.get("checksum") != _checksum(data):
        raise UserError("%s is damaged (its checksum is wrong)" % path)
    run, network = data.get("run"), data.get("network")
    if isinstance(run, dict) and isinstance(network, dict):
        run, network = _with_earlier(run, rules.RUN), _with_earlier(network, rules.NETWORK)
    if not isinstance(run, dict) or not isinstance(network, dict) or set(network) != set(rules.NETWORK):
        raise UserError("%s: its settings are not those of this version (%s)" % (path, VERSION))
    run = {name: rules.check(name, run[name], rule, path) for name, rule in rules.RUN.items() if name in run}
    network = {name: rules.check(name, network[name], rule, path) for name, rule in rules.NETWORK.items()}
    return Record(data["step"], run, Network(**network), _state(data.get("state", {}), path))


def _with_earlier(values, names):
    """Add what the record of an earlier version does not name yet, as it was then."""
    earlier = {name: rule.before for name, rule in names.items() if rule.before is not None}
    return dict(earlier, **values)


def _state(data, path):
    try:
        best = Best(**data["best"]) if data.get("best") else None
        lists = [tuple(data.get(name, ())) for name in ("rollbacks", "classes", "former")]
        state = State(lists[0], data.get("pictures", ""), lists[1], best, lists[2])
        numbers = state.rollbacks + state.former + ((best.step, best.least_step) if best else ())
        words = (state.pictures, *state.classes, *([best.metric, best.of] if best else []))
        if all(isinstance(word, str) for word in words) and all(type(step) is int for step in numbers):
            return state
    except (AttributeError, TypeError):
        pass
    raise UserError("%s: its state is not one that this version (%s) knows" % (path, VERSION))


def fingerprint(settings, pictures):
    """Return a number of 63 bits, the same for workers that are about to do the same; pictures: their fingerprint."""
    run, network = settings
    alike = {name: value for name, value in run._asdict().items() if rules.RUN[name].on_resume != "free"}
    text = json.dumps([VERSION, pictures, alike, network], sort_keys=True)
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) >> (256 - 63)


def compare(there, now):
    """Compare a Record with the Settings of today: return (what must not change but did, what may and did).

    Both are lists of words such as 'filters is 32 there and 64 now'.
    """
    refused, changed = [], []
    for then, today, names in (
        (there.run, now.run._asdict(), rules.RUN),
        (there.network._asdict(), now.network._asdict(), rules.NETWORK),
    ):
        for name, rule in names.items():
            if name in then and then[name] != today[name] and rule.on_resume != "free":
                words = "%s is %s there and %s now" % (name, then[name], today[name])
                (refused if rule.on_resume == "keep" else changed).append(words)
    return refused, changed


def check_same_run(there, checkpoint_path, now):
    """Return the line that announces going on with the run of the Record `there`; refuse where it was another run."""
    refused, changed = compare(there, now)
    new_run = "other --checkpoints_dir and --samples_dir start a new run"
    if refused:
        raise UserError(
            "%s belongs to a run with other settings: %s. Put them back to go on with it; %s"
            % (checkpoint_path, ", ".join(refused), new_run)
        )
    line = "Going on from step %d, %s (%s)." % (there.step, checkpoint_path, new_run)
    if there.state.rollbacks:
        words = " It went wrong at %s before, and goes by %g of its learning rates."
        line += words % (", ".join(map(str, there.state.rollbacks)), 0.5 ** len(there.state.rollbacks))
    return line + (" Changed: %s." % ", ".join(changed) if changed else "")
