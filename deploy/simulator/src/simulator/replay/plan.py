"""What is still to be sent, and what contradicts what was replayed before. Pure.

What was replayed before is asked of the system, never remembered beside it: a file of our own would not know what another
machine replayed, nor that the system was reset.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.replay.feed import Feed, Told
from simulator.replay.series import Cell, Series


@dataclass(frozen=True, slots=True)
class Plan:
    """Cells by what happens to them."""

    absent: Mapping[Cell, int]
    """Nothing is known there: sent as they are."""
    begun: Mapping[Cell, int]
    """Not every hospital has spoken: an earlier replay was cut short. Sent as they are; the system refuses what differs."""
    corrected: Mapping[Cell, int | None]
    """Said otherwise before: sent in a higher revision, or taken back where the file has nothing."""
    equal: int
    """How many cells the feed already has."""


def plan(series: Series, feed: Feed, hospitals: int, *, correct: bool) -> tuple[Plan, list[Cell]]:
    """Sort the file's cells; the second is what contradicts, which is empty when corrections are wanted."""
    absent: dict[Cell, int] = {}
    begun: dict[Cell, int] = {}
    otherwise: dict[Cell, int | None] = {}
    equal = 0
    for cell, figure in series.items():
        told = feed[cell]
        if figure is None:
            if told.figure is None:
                equal += 1
            else:
                otherwise[cell] = None
        elif told.figure is None and not correct:
            absent[cell] = figure
        elif _is_whole(told, hospitals) and told.figure == figure:
            equal += 1
        elif _is_whole(told, hospitals) or correct:
            # With corrections everything that is not there yet goes in the higher revision, since it may have been taken back.
            otherwise[cell] = figure
        else:
            begun[cell] = figure
    return Plan(absent, begun, otherwise if correct else {}, equal), [] if correct else list(otherwise)


def _is_whole(told: Told, hospitals: int) -> bool:
    return told.hospitals >= hospitals
