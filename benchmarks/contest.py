"""Contestants that take turns (A B A B …), so that what else the machine does hits all of them alike."""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

Contestant = Callable[[], Callable[[], object]]
"""Prepares a turn, untimed, and returns what is timed."""


class Figures(NamedTuple):
    """What the turns of one contestant gave, in the unit of the result."""

    turns: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.turns)

    def best(self, lower_is_better: bool) -> float:
        """The best one: the least disturbed."""
        return min(self.turns) if lower_is_better else max(self.turns)


class Result(NamedTuple):
    """A line of the table.

    other: the figures of what it is compared with, named `against`. at_least, at_most: a target for the
    median. ratio_at_least, ratio_at_most: a target for ours / theirs (the median over the turns).
    """

    what: str
    unit: str
    ours: Figures
    other: Figures | None = None
    against: str = ""
    at_least: float | None = None
    at_most: float | None = None
    ratio_at_least: float | None = None
    ratio_at_most: float | None = None

    @property
    def lower_is_better(self) -> bool:
        """Whether the unit is one of costs, not of a rate."""
        return not self.unit.endswith("/s")

    @property
    def ratio(self) -> float | None:
        """Ours divided by theirs, turn by turn."""
        if self.other is None:
            return None
        return median(mine / theirs for mine, theirs in zip(self.ours.turns, self.other.turns, strict=True))

    @property
    def target(self) -> str:
        """The targets in words; empty if there is none."""
        told = [f"{sign} {limit:,.6g}" for sign, limit in (("≥", self.at_least), ("≤", self.at_most)) if limit is not None]
        told += [f"{sign} {limit:g}×" for sign, limit in (("≥", self.ratio_at_least), ("≤", self.ratio_at_most)) if limit is not None]
        return ", ".join(told)

    @property
    def met(self) -> bool | None:
        """Whether all targets are; None without any."""
        middle, ratio = self.ours.median, self.ratio if self.ratio is not None else 1.0
        checks = [
            limit is None or value >= limit if at_least else limit is None or value <= limit
            for value, limit, at_least in (
                (middle, self.at_least, True),
                (middle, self.at_most, False),
                (ratio, self.ratio_at_least, True),
                (ratio, self.ratio_at_most, False),
            )
        ]
        return all(checks) if self.target else None


def seconds(contestants: Mapping[str, Contestant], turns: int) -> dict[str, list[float]]:
    """The wall clock time of each turn of each contestant, in rounds of one turn each."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, prepare in contestants.items():
            timed = prepare()
            gc.collect()
            start = time.perf_counter()
            timed()
            taken[name].append(time.perf_counter() - start)
    return taken


def rates(contestants: Mapping[str, Contestant], turns: int, things: int) -> dict[str, Figures]:
    """Things per second of each contestant, when a turn does so many."""
    return {name: Figures(tuple(things / taken for taken in each)) for name, each in seconds(contestants, turns).items()}
