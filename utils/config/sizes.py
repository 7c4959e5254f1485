"""The text of image_size: what users may write, and the nearest possible sizes if one is not possible."""

import math

from model import shapes

CHOICES = (
    f"one number for a square, such as 64, or height x width, such as 64x96: {shapes.MIN_SIDE} to {shapes.MAX_SIDE} "
    "pixels each, a small base, such as 4x6, times a power of two, and no side more than "
    f"{shapes.MAX_RATIO} times the other"
)


def normalized(value):
    """Return a size, written as 64, '64', '64x64' or '64x96', in its only form; raise ValueError for different text."""
    if isinstance(value, int):
        return value
    numbers = [int(number) for number in value.lower().split("x")]
    if len(numbers) > 2:
        raise ValueError(value)
    return shapes.format_size(numbers[0], numbers[-1])


def nearest(size):
    """Return a hint that names the two possible sizes nearest to an impossible one; '' if a side is not above 0."""
    height, width = shapes.sides(size)
    if min(height, width) < 1:
        return ""

    def distance(pair):
        higher, wider = (math.log(new) - math.log(old) for new, old in zip(pair, (height, width)))
        return abs(higher) + abs(wider) + 2 * abs(higher - wider), pair  # proportions count most

    pairs = [pair for pair in _possible_pairs() if height != width or pair[0] == pair[1]]
    return f"; the nearest are {' and '.join(map(_describe, sorted(sorted(pairs, key=distance)[:2])))}"


def _possible_pairs():
    """Return (height, width) of all possible sizes."""
    pairs = set()
    for shorter in filter(shapes.is_possible, range(shapes.MIN_SIDE, shapes.MAX_SIDE + 1)):
        for longer in range(shorter, shapes.MAX_RATIO * shorter + 1, 2 ** shapes.num_doublings(shorter)):
            if shapes.is_possible(shapes.format_size(shorter, longer)):
                pairs |= {(shorter, longer), (longer, shorter)}
    return pairs


def _describe(pair):
    power = 2 ** shapes.num_doublings(shapes.format_size(*pair))
    return f"{shapes.format_size(*pair)} ({pair[0] // power}x{pair[1] // power} times {power})"
