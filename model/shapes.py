"""Shapes of the networks, without TensorFlow: the only module of model/ that utils/ may import.

G doubles both sides of a base resolution, such as 4x4 or 4x6, until it reaches the image size; D halves both sides in
reverse order. The number of doublings follows from the shorter side, whose base has 4 to 7 pixels.
"""

MIN_SIDE, MAX_SIDE = 8, 1024  # pixels of an image
MAX_RATIO = 4  # longer side / shorter side; it keeps the base small
FIRST_EXCITED = 3  # doublings from the base to the lowest resolution that the base scales, by skip-layer excitation


def sides(size):
    """Return the height and the width, in pixels, of an image_size: an int for a square, else a str such as '64x96'."""
    height, width = (size, size) if isinstance(size, int) else size.split("x")
    return int(height), int(width)


def format_size(height, width):
    """Return the image_size with these sides; the inverse of `sides`."""
    return height if height == width else f"{height}x{width}"


def num_doublings(size):
    """Return the number of times that G doubles, and D halves, the sides of an image_size."""
    return min(sides(size)).bit_length() - 3


def is_possible(size):
    """Return whether the networks support this image_size: both sides are multiples of the same power of two."""
    shorter, longer = sorted(sides(size))
    if shorter < MIN_SIDE or longer > min(MAX_SIDE, MAX_RATIO * shorter):
        return False
    power = 2 ** num_doublings(size)
    return shorter % power == longer % power == 0


def base_resolution(network):
    """Return the lowest resolution, height and width: 4x4 for an image_size that is a power of two."""
    doublings = num_doublings(network.image_size)
    return network.height >> doublings, network.width >> doublings


def feature_maps(network, width=1.0):
    """Return the number of feature maps at each resolution, from the base to half the image_size.

    The number is `filters` at half the image_size and doubles at each lower resolution, up to `max_filters`; it is
    then multiplied by `width`, which is 1 for G and d_width for D.
    """
    doublings = range(num_doublings(network.image_size) - 1, -1, -1)
    return [max(1, round(width * min(network.filters << n, network.max_filters))) for n in doublings]


def cluster_counts(network, n_classes=1):
    """Return the number of clusters at each level, such as [2, 4, 8]; see model/clusters.py.

    n_classes: 1 without classes, which are the largest clusters. There are `clusters` of the smallest or, with classes,
    a few more, because each class has a power of two. Each halving needs an element of z.
    """
    per_class = -(-network.clusters // n_classes)
    halvings = min(max(0, per_class - 1).bit_length(), network.z_dim)
    counts = [n_classes << level for level in range(halvings + 1)]
    if network.cluster_levels == "all" and counts[-1] > 1:
        return [count for count in counts if count > 1]
    return counts[-1:]


def generator_maps(network):
    """Return the number of G's feature maps at each resolution, from the base to the last one before the image."""
    return feature_maps(network) + [network.output_filters] * (network.output_filters > 0)


def excited_maps(network):
    """Return {doublings: feature maps} of the resolutions of G that skip-layer excitation scales; see layers.excite."""
    maps = generator_maps(network) if network.skip_excitation else []
    return dict(list(enumerate(maps))[FIRST_EXCITED:])


def excitation_units(maps, network):
    """Return the size of the hidden layer for this number of feature maps, limited because it has many inputs."""
    return min(maps, network.filters)


def count_activations(network):
    """Return the number of values in all feature maps of G, and in all feature maps of D, for one image."""
    height, width = base_resolution(network)

    def count(maps):
        return sum(height * width * 4**doublings * n for doublings, n in maps)

    g = count(enumerate(generator_maps(network))) + count(excited_maps(network).items())
    g += network.height * network.width * network.channels
    d = count(enumerate(feature_maps(network, network.d_width)))
    return g, d * (4 if network.downsample == "average" else 1)  # 'average' convolves before it halves the sides


def count_weights(network):
    """Return the number of weights in the kernels of G and D together, without the rows of classes."""
    g_maps, d_maps = feature_maps(network), feature_maps(network, network.d_width)
    g_size = 3 if network.upsample == "smooth" else network.kernel
    d_size = 3 if network.downsample == "average" else network.kernel
    height, width = base_resolution(network)
    rows = network.z_dim + (sum(cluster_counts(network)) if network.clusters else 0)
    dense = height * width * (rows * g_maps[0] + d_maps[0])
    for i, maps in excited_maps(network).items():
        dense += (height * width * g_maps[i - FIRST_EXCITED] + maps) * excitation_units(maps, network)
    g_kernels = g_size**2 * _count_kernels([*g_maps, network.output_filters or network.channels])
    d_kernels = d_size**2 * _count_kernels([*d_maps, network.channels])
    return dense + g_kernels + d_kernels + 9 * network.output_filters * network.channels


def _count_kernels(maps):
    """Return the number of kernels between all consecutive layers with these numbers of feature maps."""
    return sum(a * b for a, b in zip(maps, maps[1:]))
