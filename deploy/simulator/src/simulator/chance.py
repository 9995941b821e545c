"""Chance that is the same every time: each thing draws from its own seed, so that one more home does not change the others."""

from random import Random


def seeded(*parts: object) -> Random:
    """A source of chance that belongs to these words alone."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - a simulation, and it must be repeatable
