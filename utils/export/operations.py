"""The frozen generator as a list of operations on one image, for runtimes without TensorFlow.

Convolutions become matrix products of patches. A transposed convolution with stride 2 is four of them, each of which
makes every second pixel of every second row (Dumoulin & Visin 2016, arXiv 1603.07285, section 4): no product with a
zero between pixels is computed.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import RunError

_ELEMENTWISE = {"Add": "add", "AddV2": "add", "BiasAdd": "add", "Sub": "subtract", "Mul": "multiply"}
_ACTIVATIONS = {"Relu": "relu", "LeakyRelu": "leaky_relu", "Elu": "elu", "Tanh": "tanh"}


class Operations:
    """The operations that compute a tensor of a frozen graph from z and the shares of the classes.

    steps: a list of operations in their order, dictionaries that JSON can hold. Each has the kind of operation, `op`,
    and what it is given, `inputs`: "z", "classes", the index of a former step, or {"array": index}. arrays: the
    constants, a list of float32 arrays. RunError if the graph has an operation that is not known here.
    """

    def __init__(self, graph_def, output):
        graph_def = tf.graph_util.extract_sub_graph(graph_def, [output])
        self.steps, self.arrays = [], []
        self._nodes = {node.name: node for node in graph_def.node}
        self._varying = set()
        for node in graph_def.node:  # in the order of their creation: each after its inputs
            if node.op == "Placeholder" or any(name in self._varying for name in _inputs(node)):
                self._varying.add(node.name)
        self._constants = self._evaluate(graph_def)
        self._values = {}  # {name of a node: how an input names it}
        self._value(output)

    def _evaluate(self, graph_def):
        """Return {name: value} of what does not depend on the inputs and is used by what does."""
        used = {name for node in map(self._nodes.get, self._varying) for name in _inputs(node)} - self._varying
        with tf.Graph().as_default(), tf.Session() as session:
            tf.import_graph_def(graph_def, name="")
            return session.run({name: name + ":0" for name in used})

    def _value(self, name):
        """Return how an input names the node `name`, after adding the operations that compute it."""
        if name not in self._values:
            varies = name in self._varying
            self._values[name] = self._compute(self._nodes[name]) if varies else self._array(self._constants[name])
        return self._values[name]

    def _array(self, value):
        self.arrays.append(np.asarray(value, np.float32))
        return {"array": len(self.arrays) - 1}

    def _add(self, op, inputs, **facts):
        self.steps.append({"op": op, "inputs": inputs, **facts})
        return len(self.steps) - 1

    def _compute(self, node):
        """Add the operations of a node; return how an input names their result."""
        inputs = _inputs(node)
        if node.op == "Placeholder":
            return node.name
        if node.op == "OneHot":
            return "classes"
        if node.op == "Identity" or (node.op == "StridedSlice" and node.attr["new_axis_mask"].i):
            return self._value(inputs[0])  # amounts of channels, [N, C], as [N, 1, 1, C]
        if node.op == "Reshape":
            height, width, channels = (int(size) for size in self._constants[inputs[1]][1:])
            return self._add("reshape", [self._value(inputs[0])], height=height, width=width, channels=channels)
        if node.op == "MatMul":
            matrix = self._array(self._constants[inputs[1]].T)
            return self._add("dense", [self._value(inputs[0]), matrix])
        if node.op == "Conv2D":
            return self._convolution(self._value(inputs[0]), self._constants[inputs[1]])
        if node.op == "Conv2DBackpropInput":
            return self._transposed_convolution(self._value(inputs[2]), self._constants[inputs[1]])
        if node.op == "DepthToSpace":
            return self._add("depth_to_space", [self._value(inputs[0])], size=node.attr["block_size"].i)
        if node.op.startswith("FusedBatchNorm"):
            return self._affine(node, inputs)
        if node.op in _ELEMENTWISE:
            return self._add(_ELEMENTWISE[node.op], [self._value(name) for name in inputs])
        if node.op in _ACTIVATIONS:
            return self._add(_ACTIVATIONS[node.op], [self._value(inputs[0])], leak=node.attr["alpha"].f)
        raise RunError(f"utils/export/operations.py does not know {node.op}, the operation of {node.name}")

    def _affine(self, node, inputs):
        """Add x * scale + shift, which batch norm by given statistics is."""
        gamma, beta, mean, variance = (np.float64(self._constants[name]) for name in inputs[1:])
        scale = gamma / np.sqrt(variance + node.attr["epsilon"].f)
        return self._add("affine", [self._value(inputs[0]), self._array(scale), self._array(beta - mean * scale)])

    def _convolution(self, x, kernel):
        """Add a convolution with stride 1 by a kernel, [n, n, in, out]."""
        before = (len(kernel) - 1) // 2  # rows of padding
        taps = [(i - before, j - before, kernel[i, j].T) for i in range(len(kernel)) for j in range(len(kernel))]
        return self._add("convolution", [x], stride=1, parts=[self._part(0, 0, taps)])

    def _transposed_convolution(self, x, kernel):
        """Add a convolution with stride 1/2 by a kernel, [n, n, out, in]."""
        before = (len(kernel) - 2) // 2

        def taps(parity):
            """Return (offset of a row that pixels of this parity see, its place in the kernel), for each such row."""
            places = range((parity + before) % 2, len(kernel), 2)
            return [((parity + before - place) // 2, place) for place in places]

        parts = []
        for row in (0, 1):
            for column in (0, 1):
                seen = [(dy, dx, kernel[i, j]) for dy, i in taps(row) for dx, j in taps(column)]
                parts.append(self._part(row, column, seen))
        return self._add("convolution", [x], stride=2, parts=parts)

    def _part(self, row, column, taps):
        """Return the part of a convolution that makes the pixels at a row and a column of each square of the stride.

        taps: (dy, dx, [out, in]): by what the pixel at this distance is multiplied.
        """
        matrix = np.concatenate([matrix for _, _, matrix in taps], axis=1)  # [out, taps * in]
        offsets = [[int(dy), int(dx)] for dy, dx, _ in taps]
        return {"row": row, "column": column, "taps": offsets, **self._array(matrix)}


def _inputs(node):
    """Return the names of the nodes that a node is given."""
    return [name.split(":")[0].lstrip("^") for name in node.input]
