"""Reactions that answer each other: an event, a command, an event, and round again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cqrs_cli.checking.mentions import mentioned
from cqrs_cli.domain.clauses import Clause, answers_of
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Command, Event
from cqrs_cli.domain.process_manager import CommandRejected


class Step(NamedTuple):
    """A reaction's clause that answers an event with a command."""

    reaction: type
    clause: Clause
    event: type[Event]
    command: type[Command]


def commands_of(clause: Clause) -> set[type[Command]]:
    """The commands that a reaction's clause gives: those of its annotation, else those that its code names."""
    told = answers_of(clause)
    return set(told) if told else mentioned(clause, Command)


def circles(domain: Domain, decided: Mapping[type[Command], set[type[Event]]]) -> Iterator[Sequence[Step]]:
    """The shortest circle through each clause, every circle once. decided: the events that come of each command.

    A command in `ignores=` of the reaction that gives it leads nowhere.
    """
    steps = [
        Step(reaction.cls, clause, event, command)
        for reaction in domain.reactions.values()
        for event, clause in reaction.reactors.items()
        for command in sorted(commands_of(clause), key=lambda one: one.__name__)
        if command not in reaction.ignores
    ]
    seen: set[frozenset[Step]] = set()
    for first in steps:
        found = _back_to(first, steps, decided)
        if found and frozenset(found) not in seen:
            seen.add(frozenset(found))
            yield found


def _back_to(first: Step, steps: Sequence[Step], decided: Mapping[type[Command], set[type[Event]]]) -> list[Step]:
    """The fewest steps from this one to its own event; none if nothing leads there."""
    waiting, came_from = deque([first]), dict[Step, Step]()
    while waiting:
        step = waiting.popleft()
        for other in steps:
            if not _leads_to(step, other, decided):
                continue
            if other == first:
                found = [step]
                while found[0] != first:
                    found.insert(0, came_from[found[0]])
                return found
            if other not in came_from:
                came_from[other] = step
                waiting.append(other)
    return []


def _leads_to(step: Step, other: Step, decided: Mapping[type[Command], set[type[Event]]]) -> bool:
    if other.event is CommandRejected:
        # The clause asks which command it was: those that it names and does not give itself.
        asked = mentioned(other.clause, Command) - commands_of(other.clause)
        return other.reaction is step.reaction and (not asked or step.command in asked)
    return other.event in decided.get(step.command, ())
