"""TensorFlow in graph mode: the other modules of model/ import `tf` from here, so that the mode is set before use."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.enable_resource_variables()
