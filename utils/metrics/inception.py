"""The Inception network of 2015, read from the user's frozen TensorFlow graph.

Published FIDs use this network, Szegedy et al. 2015, arXiv 1512.00567. The file is named classify_image_graph_def.pb
in the original archive, and inception-2015-12-05.pb elsewhere. The features are the output of the network's last
pooling layer, pool_3. The graph itself resizes images to 299x299.
"""

import tensorflow.compat.v1 as tf

from utils.errors import UserError, reason_of

INPUT, OUTPUT = "ExpandDims:0", "pool_3:0"  # [N, H, W, 3] float32 in 0..255; [N, 1, 1, 2048]
FILE = "classify_image_graph_def.pb (also called inception-2015-12-05.pb)"
WHERE = (
    f"inception_graph must name the file of the Inception network, {FILE}, which is in the archive "
    "inception-2015-12-05.tgz of TensorFlow's image models; nothing is downloaded"
)

# A graph is a program, which can write files and call Python: only operations that image networks need are allowed.
ALLOWED = frozenset((
    "Add", "AddN", "AddV2", "AvgPool", "BatchNormWithGlobalNormalization", "BiasAdd", "Cast", "CheckNumerics",
    "Concat", "ConcatV2", "Const", "Conv2D", "DecodeJpeg", "DepthwiseConv2dNative", "Div", "ExpandDims",
    "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "Identity", "LRN", "MatMul", "Maximum", "MaxPool",
    "Mean", "Minimum", "Mul", "Pack", "Pad", "PadV2", "Placeholder", "PlaceholderWithDefault", "RealDiv", "Relu",
    "Relu6", "Reshape", "ResizeArea", "ResizeBicubic", "ResizeBilinear", "ResizeNearestNeighbor", "Rsqrt", "Shape",
    "Sigmoid", "Slice", "Softmax", "Squeeze", "StopGradient", "StridedSlice", "Sub", "Tanh", "Transpose",
))  # fmt: skip


def read(path):
    """Return the bytes of the file; raise UserError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UserError(f"inception_graph = {path} cannot be read ({error.strerror}); {WHERE}")


def features(images, data, path):
    """Return the network's features of images, [N, D] float32; raise UserError if `data` is not an Inception graph.

    images: [N, H, W, 3] float32 in 0..255. data: the bytes of the file `path`. A graph with an operation that is not
    ALLOWED is also rejected with a UserError.
    """
    try:
        definition = tf.GraphDef.FromString(data)
        operations = {node.op for node in definition.node}
        operations |= {f"function {function.signature.name}" for function in definition.library.function}
        refused = sorted(operations - ALLOWED)
        if refused:
            raise UserError(
                f"inception_graph = {path} is rejected: it contains the operation {', '.join(refused[:3])}, which an "
                f"image network does not need; name the file {FILE}, or set it to ''"
            )
        # Replace the input tensor instead of feeding it: its shape allows only a single image.
        (output,) = tf.import_graph_def(definition, {INPUT: images}, [OUTPUT], name="")
        return tf.reshape(output, [tf.shape(images)[0], -1])
    except UserError:
        raise
    except Exception as error:  # DecodeError, ValueError or TypeError, depending on the file
        raise UserError(
            f"inception_graph = {path} is not a frozen graph with the tensors {INPUT} and {OUTPUT} "
            f"({reason_of(error)}); name the file {FILE}, or set it to ''"
        )
