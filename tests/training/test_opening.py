"""Opening a run: what all of its workers must have in common."""

from utils.config import schema
from utils.training.opening import config_fingerprint


def test_the_fingerprint_compares_settings_and_images(settings):
    """The fingerprint covers every setting that a resumed run must keep or may change with a notice."""
    fingerprint = config_fingerprint(settings, "images")
    assert 0 <= fingerprint < 2**63
    for name, rule in schema.RUN.items():
        value = "elsewhere" if str in rule.types else getattr(settings.run, name) + 1
        changed = config_fingerprint(settings._replace(run=settings.run._replace(**{name: value})), "images")
        assert (changed == fingerprint) == (rule.on_resume == "free"), name
    network = settings.network._replace(filters=33)
    assert config_fingerprint(settings._replace(network=network), "images") != fingerprint
    assert config_fingerprint(settings, "other images") != fingerprint
