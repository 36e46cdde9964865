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

    other: the figures of what it is compared with, named `against`. at_least: a target for the median.
    ratio_at_least, ratio_at_most: targets for ours / theirs (the median over the turns).
    """

    what: str
    unit: str
    ours: Figures
    other: Figures | None = None
    against: str = ""
    at_least: float | None = None
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
        limits = (("≥ {:,}", self.at_least), ("≥ {:g}×", self.ratio_at_least), ("≤ {:g}×", self.ratio_at_most))
        return ", ".join(text.format(limit) for text, limit in limits if limit is not None)

    @property
    def met(self) -> bool | None:
        """Whether all targets are; None without any."""
        if not self.target:
            return None
        ratio = 1.0 if self.ratio is None else self.ratio
        fast = self.at_least is None or self.ours.median >= self.at_least
        more = self.ratio_at_least is None or ratio >= self.ratio_at_least
        less = self.ratio_at_most is None or ratio <= self.ratio_at_most
        return fast and more and less


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
    taken = seconds(contestants, turns)
    return {name: Figures(tuple(things / each for each in turns_)) for name, turns_ in taken.items()}
