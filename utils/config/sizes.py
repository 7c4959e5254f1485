"""Sizes of images, as image_size has them: 64 is a square, '64x96' a height of 64 and a width of 96 pixels.

The networks double both sides equally often, from their smallest feature maps to the image: both sides are those of a
small base, such as 4x4 or 4x6, times the same power of two. The power follows from the shorter side: its base has 4 to
7 pixels, and every number from 4 on is 4 to 7, or a fraction more, times exactly one power of two.
"""

import math

_BASE = range(4, 8)  # pixels of the shorter side of the base
_LOWEST, _HIGHEST = 8, 1024  # pixels of a side
_MAX_RATIO = 4  # times the shorter side is the longer one at most, so that the base is small

CHOICES = (
    f"one number for a square, such as 64, or height x width, such as 64x96: {_LOWEST} to {_HIGHEST} pixels each, a "
    f"small base, such as 4x6, times a power of two, and no side more than {_MAX_RATIO} times the other"
)


def normalized(value):
    """Return a size, given as 64, '64', '64x64' or '64x96', in its one form; raise ValueError for another text."""
    if isinstance(value, int):
        return value
    numbers = [int(number) for number in value.lower().split("x")]
    if len(numbers) > 2:
        raise ValueError(value)
    return size_of(numbers[0], numbers[-1])


def size_of(height, width):
    """Return the size of so many pixels: a number for a square, else a text."""
    return height if height == width else f"{height}x{width}"


def sides(size):
    """Return the height and the width of a size, in pixels."""
    if isinstance(size, int):
        return size, size
    height, width = size.split("x")
    return int(height), int(width)


def is_possible(size):
    """Return whether the networks can make images of a size."""
    shorter, longer = sorted(sides(size))
    if shorter < _LOWEST or longer > min(_HIGHEST, _MAX_RATIO * shorter):
        return False
    return shorter % _power(shorter) == longer % _power(shorter) == 0


def doublings(size):
    """Return how often the networks double, or halve, the sides of a size."""
    return min(sides(size)).bit_length() - 3


def _power(shorter):
    """Return the power of two by which the shorter side, 8 or more, is 4 to 7 and perhaps a fraction."""
    return 2 ** doublings(shorter)


def nearest(size):
    """Return a text about the sizes that are possible and nearest to one that is not; '' if it is not above 0."""
    height, width = sides(size)
    if min(height, width) < 1:
        return ""
    is_square = height == width
    possible = {pair for pair in _possible() if not is_square or pair[0] == pair[1]}

    def distance(pair):
        higher, wider = (math.log(to) - math.log(side) for to, side in zip(pair, (height, width)))
        return abs(higher) + abs(wider) + 2 * abs(higher - wider), pair  # proportions count most

    return f"; the nearest are {' and '.join(map(_with_base, sorted(sorted(possible, key=distance)[:2])))}"


def _possible():
    """Yield (height, width) of all possible sizes."""
    for power in (2**n for n in range(1, _HIGHEST.bit_length())):
        for shorter in _BASE:
            for longer in range(shorter, min(_MAX_RATIO * shorter, _HIGHEST // power) + 1):
                yield shorter * power, longer * power
                yield longer * power, shorter * power


def _with_base(pair):
    power = _power(min(pair))
    return f"{size_of(*pair)} ({pair[0] // power}x{pair[1] // power} times {power})"
