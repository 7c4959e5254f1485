"""The manifest, the JSON file next to a checkpoint."""

import contextlib
import json

import pytest

from utils.checkpoints import manifest
from utils.checkpoints.run_id import get_run_id, new_run_id
from utils.config import schema
from utils.errors import UserError

BEST = manifest.Best(400, "fid", "these images", 31.5, 30.25, 200)
SAVED = manifest.SavedState((400, 431), "870 0123456789abcdef", ("cat", "dog, and more"), BEST, (200,))


def write(path, settings, change=lambda data: None):
    data = json.loads(manifest.dumps(settings, 7, "2.21.0", SAVED))
    change(data)
    path.write_text(manifest.add_checksum(data))
    return str(path)


def test_reading_returns_what_was_written(tmp_path, settings):
    expected = manifest.Manifest(7, dict(settings.run._asdict()), settings.network, SAVED)
    assert manifest.read(write(tmp_path / "a.json", settings)) == expected


def test_class_names_recorded_as_surrogates_are_restored(tmp_path, settings):
    """Version 0.12 recorded them in a locale without these letters."""
    path = write(
        tmp_path / "a.json", settings, lambda data: data["state"].update(classes=["caf\udcc3\udca9", "\udcff"])
    )
    assert manifest.read(path).saved.classes == ("caf\xe9", "\udcff")


def test_the_json_has_the_versions(settings):
    data = json.loads(manifest.dumps(settings, 7, "2.21.0", SAVED))
    assert (data["format"], data["step"], data["program"], data["tensorflow"]) == (10, 7, manifest.VERSION, "2.21.0")


def test_the_keys_of_the_state_are_those_of_earlier_versions(settings):
    state = json.loads(manifest.dumps(settings, 7, "2.21.0", SAVED))["state"]
    assert state == {
        "rollbacks": [400, 431],
        "pictures": "870 0123456789abcdef",
        "classes": ["cat", "dog, and more"],
        "best": {"step": 400, "metric": "fid", "of": "these images", "value": 31.5, "least": 30.25, "least_step": 200},
        "former": [200],
        "run_id": "",
        "data_version": 4,
    }


@pytest.mark.parametrize(
    "change, expected",
    (
        (lambda data: data.update(format=99), "written by a later version of this program (format 99"),
        (lambda data: data.update(format="1"), "not a checkpoint's JSON file"),
        (lambda data: data.pop("step"), "not a checkpoint's JSON file"),
        (lambda data: data["network"].pop("filters"), "does not have the settings that this version"),
        (lambda data: data.update(run=[]), "does not have the settings that this version"),
        (lambda data: data["network"].update(filters=-1), "filters = -1 is invalid"),
        (lambda data: data["network"].update(init="__import__('os')"), "is invalid; expected normal"),
        (lambda data: data.update(state=[]), "cannot read its state"),
        (lambda data: data["state"].update(rollbacks=["a"]), "cannot read its state"),
    ),
)
def test_an_invalid_json_is_refused(tmp_path, settings, change, expected):
    with pytest.raises(UserError) as raised:
        manifest.read(write(tmp_path / "a.json", settings, change))
    assert expected in str(raised.value) and "a.json" in str(raised.value)


@pytest.mark.parametrize("content", (b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100000))
def test_other_content_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json"):
        manifest.read(str(tmp_path / "a.json"))


def test_some_settings_are_fixed_and_some_may_change(settings):
    run = settings.run._replace(batch_size=7, learning_rate=0.5, epochs=9, k=2, optimizer="sgd", num_samples=3, seed=4)
    recorded = manifest.Manifest(7, settings.run._asdict(), settings.network, SAVED)
    other = settings._replace(run=run, network=settings.network._replace(filters=64))
    refused, changed = manifest.compare(recorded, other)
    assert refused == [
        "k changed from 1 to 2",
        "optimizer changed from adam to sgd",
        "seed changed from 0 to 4",
        "filters changed from 32 to 64",
    ]
    assert [difference.split()[0] for difference in changed] == ["epochs", "batch_size", "learning_rate"]
    assert manifest.compare(recorded, settings) == ([], [])


def test_versions_may_add_and_remove_run_settings(tmp_path, settings):
    def change(data):
        del data["run"]["beta1"]
        data["run"]["of_old"] = 1

    recorded = manifest.read(write(tmp_path / "a.json", settings, change))
    assert "of_old" not in recorded.run and "beta1" not in recorded.run
    assert manifest.compare(recorded, settings) == ([], [])


def test_format_1_is_read(tmp_path, settings):
    def change(data):
        del data["state"], data["run"]["on_nan"], data["run"]["keep_every"]
        data["format"] = 1

    recorded = manifest.read(write(tmp_path / "a.json", settings, change))
    assert recorded.saved == manifest.SavedState() and manifest.compare(recorded, settings) == ([], [])


@pytest.mark.parametrize("version, expected", ((9, 0), (10, 1)))
def test_version_0_17_scaled_nothing_with_classes(tmp_path, settings, version, expected):
    def change(data):
        data["network"]["conditional"] = 1
        data["format"] = version

    recorded = manifest.read(write(tmp_path / "a.json", settings, change))
    assert recorded.network.skip_excitation == expected


def test_settings_that_a_version_lacked_get_its_behavior(tmp_path, settings):
    def change(data):
        del data["state"]["best"], data["state"]["classes"], data["state"]["former"]
        for part, rules in (("run", schema.RUN), ("network", schema.NETWORK)):
            for name, rule in rules.items():
                if rule.legacy_value is not None:
                    del data[part][name]
        data["format"] = 2

    recorded = manifest.read(write(tmp_path / "a.json", settings, change))
    assert recorded.saved == manifest.SavedState(SAVED.rollbacks, SAVED.fingerprint)
    assert (
        recorded.run["ema_decay"] == 0
        and recorded.run["augment"] == "none"
        and recorded.run["loss"] == "non_saturating"
    )
    assert (recorded.network.upsample, recorded.network.d_norm, recorded.network.conditional) == (
        "transposed",
        "batch",
        0,
    )
    refused, changed = manifest.compare(recorded, settings)
    assert "ema_decay changed from 0.0 to 0.9998" in refused
    assert "augment changed from none to adaptive" in changed
    as_recorded = settings._replace(run=settings.run._replace(ema_decay=0.0), network=recorded.network)
    assert manifest.compare(recorded, as_recorded)[0] == []


def test_a_run_keeps_the_defaults_with_which_it_began(tmp_path, settings):
    """Recorded former defaults are kept unless the setting is given now; other recorded values are not kept."""

    def change(data):
        del data["run"]["ema_decay"], data["network"]["upsample"]
        data["run"]["beta1"] = 0.25

    recorded = manifest.read(write(tmp_path / "a.json", settings, change))
    resumed, kept = manifest.keep_defaults(recorded, settings)
    assert kept == {"ema_decay": 0.0, "upsample": "transposed"}
    assert (resumed.run.ema_decay, resumed.network.upsample, resumed.run.beta1) == (0.0, "transposed", 0.5)
    assert manifest.compare(recorded, resumed) == (["beta1 changed from 0.25 to 0.5"], [])

    chosen = settings._replace(explicit=frozenset({"upsample"}))
    resumed, kept = manifest.keep_defaults(recorded, chosen)
    assert kept == {"ema_decay": 0.0} and resumed.network.upsample == "smooth"

    recorded = manifest.read(write(tmp_path / "b.json", settings, lambda data: data["run"].update(ema_decay=0.999)))
    assert manifest.keep_defaults(recorded, settings)[1] == {"ema_decay": 0.999}


def test_a_changed_byte_is_noticed(tmp_path, settings):
    path = tmp_path / "a.json"
    write(path, settings)
    whole = path.read_bytes()
    recorded = manifest.read(str(path))
    for i in range(0, len(whole), 15):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        with contextlib.suppress(UserError):
            assert manifest.read(str(path)) == recorded  # only spaces have changed to another kind of whitespace


def test_a_run_keeps_its_identity_if_it_is_moved(settings, tmp_path):
    """Versions up to 0.8 recorded no run id; it is then a hash of the fixed settings and the original folder."""
    path = tmp_path / "dcgan-7.json"

    def identity(settings, run_id=""):
        path.write_text(manifest.dumps(settings, 7, "2.21.0", manifest.SavedState(run_id=run_id)))
        return get_run_id(manifest.read(str(path)))

    first = identity(settings)
    moved = settings._replace(run=settings.run._replace(samples_dir="/elsewhere", epochs=7))
    other = settings._replace(run=settings.run._replace(checkpoints_dir="/elsewhere"))
    assert identity(moved) == first != identity(other) and len(first) == 32
    assert identity(other, run_id="3f2a") == "3f2a"
    assert new_run_id() != new_run_id() and len(new_run_id()) == 32
