"""The networks, their losses and the graph that trains them; the one place where graph mode is chosen."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.enable_resource_variables()
