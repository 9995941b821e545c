"""Dividing a national figure over hospitals so that it adds up exactly. Pure."""

from collections.abc import Sequence


def divide(total: int, weights: Sequence[int]) -> list[int]:
    """Whole shares in proportion to the weights, by largest remainder; of equal remainders the first in the list comes first.

    In whole numbers throughout: fractions would round differently on another machine, and the same figure must always be
    divided the same way.

    Raises:
        ValueError: a negative total or weight, or nothing to divide over.
    """
    whole = sum(weights)
    if total < 0 or whole <= 0 or min(weights) < 0:
        raise ValueError("a total of 0 or more is divided over weights of 0 or more, of which one is positive")
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(total * weights[index] % whole), index))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares
