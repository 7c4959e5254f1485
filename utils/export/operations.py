"""The frozen generator as a list of operations on one image, for runtimes without TensorFlow.

Convolutions become matrix products of patches. A transposed convolution with stride 2 becomes four such products,
one for each pixel of a 2x2 square (Dumoulin & Visin 2016, arXiv 1603.07285, section 4), to avoid multiplications by the
zeros between pixels.
"""

import itertools

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import RunError

# Operations without attributes: {name in TensorFlow: name in network.js}.
_ARITHMETIC = {"Add": "add", "AddV2": "add", "BiasAdd": "add", "Sub": "subtract", "Mul": "multiply"}
_SIMPLE = {**_ARITHMETIC, "Relu": "relu", "Elu": "elu", "Tanh": "tanh", "Sigmoid": "sigmoid", "Softmax": "softmax"}


class Operations:
    """The operations that compute a tensor of a frozen graph from z and the class fractions.

    steps: the operations in order, as JSON-compatible dictionaries. `op` is the name of the operation; each of its
    `inputs` is "z", "classes", the index of an earlier step, or {"array": index}. arrays: the constants, a list of
    float32 arrays. Raise RunError if the graph has an unknown operation.
    """

    def __init__(self, graph_def, output):
        graph_def = tf.graph_util.extract_sub_graph(graph_def, [output])
        self.steps, self.arrays = [], []
        self._nodes = {node.name: node for node in graph_def.node}
        varying = set()  # names of the nodes that depend on the inputs of the graph
        for node in graph_def.node:  # each node comes after its inputs
            if node.op == "Placeholder" or not varying.isdisjoint(_inputs(node)):
                varying.add(node.name)
        with tf.Graph().as_default(), tf.Session() as session:
            tf.import_graph_def(graph_def, name="")
            self._constants = session.run({name: f"{name}:0" for name in self._nodes if name not in varying})
        self._references = {}  # {name of a node: its reference in `inputs`}
        self._reference(output)

    def _reference(self, name):
        """Return a node's reference for `inputs`; add the operations that compute the node, once."""
        if name not in self._references:
            is_constant = name in self._constants
            self._references[name] = self._array(self._constants[name]) if is_constant else self._compute(name)
        return self._references[name]

    def _array(self, value):
        self.arrays.append(np.asarray(value, np.float32))
        return {"array": len(self.arrays) - 1}

    def _add(self, op, *inputs, **facts):
        self.steps.append({"op": op, "inputs": list(inputs), **facts})
        return len(self.steps) - 1

    def _compute(self, name):
        """Add the operations that compute a node; return its reference for `inputs`."""
        node, inputs = self._nodes[name], _inputs(self._nodes[name])
        if node.op == "Placeholder":
            return name
        if node.op == "OneHot":
            return "classes"
        if node.op == "Identity" or (node.op == "StridedSlice" and node.attr["new_axis_mask"].i):
            return self._reference(inputs[0])  # a slice turns [N, C] into [N, 1, 1, C]
        if node.op in _SIMPLE:
            return self._add(_SIMPLE[node.op], *map(self._reference, inputs))
        if node.op == "LeakyRelu":
            return self._add("leaky_relu", self._reference(inputs[0]), leak=node.attr["alpha"].f)
        if node.op == "Reshape":
            height, width, channels = (1, 1, *map(int, self._constants[inputs[1]][1:]))[-3:]  # of a vector: 1, 1, C
            return self._add("reshape", self._reference(inputs[0]), height=height, width=width, channels=channels)
        if node.op == "MatMul":
            return self._add("dense", self._reference(inputs[0]), self._array(self._constants[inputs[1]].T))
        if node.op == "AvgPool":  # of 2x2 squares
            return self._add("average_pool", self._reference(inputs[0]))
        if node.op == "DepthToSpace":
            return self._add("depth_to_space", self._reference(inputs[0]), size=node.attr["block_size"].i)
        if node.op.startswith("FusedBatchNorm"):
            return self._batch_norm(node, inputs)
        if node.op == "Conv2D":
            return self._convolution(inputs[0], self._constants[inputs[1]].transpose(0, 1, 3, 2), stride=1)
        if node.op == "Conv2DBackpropInput":
            return self._convolution(inputs[2], self._constants[inputs[1]], stride=2)
        raise RunError(f"utils/export/operations.py does not support {node.op}, the operation of {name}")

    def _batch_norm(self, node, inputs):
        """Add batch norm with fixed statistics: x * scale + shift."""
        gamma, beta, mean, variance = (np.float64(self._constants[name]) for name in inputs[1:])
        scale = gamma / np.sqrt(variance + node.attr["epsilon"].f)
        return self._add("affine", self._reference(inputs[0]), self._array(scale), self._array(beta - mean * scale))

    def _convolution(self, x, kernel, stride):
        """Add a convolution with stride 1, or a transposed convolution with stride 2.

        The operation has one matrix product for each pixel of a stride x stride square. x: the name of the input node.
        kernel: [n, n, out, in].
        """
        # For each row of the square, the input rows that it depends on, as (offset from the square's input row, kernel
        # row). Columns are treated in the same way.
        n = len(kernel)
        padding = (n - stride) // 2
        seen = [[(i - padding, i) for i in range(n)]]
        if stride == 2:
            seen = [[((y + padding - i) // 2, i) for i in range((y + padding) % 2, n, 2)] for y in (0, 1)]
        reference, parts = self._reference(x), []
        for row, column in itertools.product(range(stride), repeat=2):
            taps = [(dy, dx, kernel[i, j]) for (dy, i), (dx, j) in itertools.product(seen[row], seen[column])]
            matrix = np.concatenate([weights for _, _, weights in taps], axis=1)  # [out, taps * in]
            offsets = [[dy, dx] for dy, dx, _ in taps]
            parts.append({"row": row, "column": column, "taps": offsets, **self._array(matrix)})
        return self._add("convolution", reference, stride=stride, parts=parts)


def _inputs(node):
    """Return the names of the nodes that are inputs of a node."""
    return [name.split(":")[0].lstrip("^") for name in node.input]
