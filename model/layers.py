"""The layers both networks are made of, on `tf.get_variable` and `tf.nn`.

Batch normalisation: Ioffe & Szegedy 2015, arXiv 1502.03167. Transposed convolution: Dumoulin & Visin 2016,
arXiv 1603.07285. Glorot & Bengio 2010; He et al. 2015, arXiv 1502.01852.
"""

import math

import tensorflow.compat.v1 as tf

ACTIVATIONS = {
    "leaky_relu": lambda x, leak: tf.nn.leaky_relu(x, alpha=leak),
    "relu": lambda x, leak: tf.nn.relu(x),
    "elu": lambda x, leak: tf.nn.elu(x),
    "tanh": lambda x, leak: tf.nn.tanh(x),
}


def activation(x, kind, leak):
    """Apply the activation `kind`, a key of ACTIVATIONS; `leak` is the slope of leaky_relu below zero."""
    return ACTIVATIONS[kind](x, leak)


def initializer(kind, stddev, transposed=False):
    """Return the initialiser `kind` of a weight.

    'normal', 'truncated_normal' and 'uniform' have the standard deviation `stddev`; 'glorot' and 'he' take theirs from
    the weight's shape. A transposed kernel is [height, width, out, in]: what flows into it is its last dimension.
    """
    if kind == "normal":
        return tf.random_normal_initializer(stddev=stddev)
    if kind == "truncated_normal":
        # Cut at two sigma, a normal keeps 0.8796 of its spread: widen it, so that `stddev` is what the weights have.
        return tf.truncated_normal_initializer(stddev=stddev / 0.87962566103423978)
    if kind == "uniform":
        limit = math.sqrt(3.0) * stddev
        return tf.random_uniform_initializer(-limit, limit)
    if kind == "glorot":
        return tf.variance_scaling_initializer(scale=1.0, mode="fan_avg", distribution="truncated_normal")
    if kind == "he":
        fan = "fan_out" if transposed else "fan_in"
        return tf.variance_scaling_initializer(scale=2.0, mode=fan, distribution="truncated_normal")
    raise ValueError("unknown init %r" % kind)


def _add_bias(x):
    bias = tf.get_variable("bias", [x.shape[-1]], initializer=tf.zeros_initializer())
    return tf.nn.bias_add(x, bias)


def dense(x, units, init, use_bias, name):
    """Multiply [N, inputs] by a learnt matrix: [N, units]."""
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [x.shape[-1], units], initializer=init)
        x = tf.matmul(x, kernel)
        return _add_bias(x) if use_bias else x


def conv2d(x, filters, kernel_size, stride, init, use_bias, name):
    """Convolve [N, H, W, C] with zero padding: [N, ceil(H / stride), ceil(W / stride), filters]."""
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [kernel_size, kernel_size, x.shape[-1], filters], initializer=init)
        x = tf.nn.conv2d(x, kernel, strides=[1, stride, stride, 1], padding="SAME")
        return _add_bias(x) if use_bias else x


def conv2d_transpose(x, filters, kernel_size, init, use_bias, name):
    """Convolve [N, H, W, C] with fractional stride 1/2: [N, 2 H, 2 W, filters]."""
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [kernel_size, kernel_size, filters, x.shape[-1]], initializer=init)
        height, width = x.shape[1], x.shape[2]
        shape = tf.stack([tf.shape(x)[0], 2 * height, 2 * width, filters])
        x = tf.nn.conv2d_transpose(x, kernel, output_shape=shape, strides=[1, 2, 2, 1], padding="SAME")
        x.set_shape([None, 2 * height, 2 * width, filters])
        return _add_bias(x) if use_bias else x


def average_pool(x):
    """Average each 2x2 square of [N, H, W, C]: [N, H / 2, W / 2, C]."""
    return tf.nn.avg_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")


def batch_norm(x, training, momentum, epsilon, averages, name):
    """Normalise each channel of [N, H, W, C] to mean 0 and variance 1, then scale and shift it by learnt amounts.

    training: by the statistics of this batch. Otherwise by their moving averages, so that a picture does not depend on
    its batch; this needs `averages`. With both, the updates of the averages join `tf.GraphKeys.UPDATE_OPS`.
    """
    with tf.variable_scope(name):
        channels = [x.shape[-1]]
        gamma = tf.get_variable("gamma", channels, initializer=tf.ones_initializer())
        beta = tf.get_variable("beta", channels, initializer=tf.zeros_initializer())
        if averages:
            mean = tf.get_variable("moving_mean", channels, initializer=tf.zeros_initializer(), trainable=False)
            variance = tf.get_variable("moving_variance", channels, initializer=tf.ones_initializer(), trainable=False)
        if not training:
            scale = gamma * tf.rsqrt(variance + epsilon)
            return x * scale + (beta - mean * scale)
        x, batch_mean, batch_variance = tf.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon, is_training=True)
        if averages:
            for average, value in ((mean, batch_mean), (variance, batch_variance)):
                update = average.assign_sub((1.0 - momentum) * (average - value))
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        return x
