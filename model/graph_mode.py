"""TensorFlow in graph mode: the other modules of model/ import `tf` from here, so that graph mode is enabled first."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.enable_resource_variables()
