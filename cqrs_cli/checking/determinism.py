"""Determinism: whether two folds of the same log, in different surroundings, come to the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby, zip_longest
from typing import Any, NamedTuple

from cqrs_cli.checking.child_process import told_by
from cqrs_cli.checking.folding_process import FAILED
from cqrs_cli.checking.impurities import Look, looks_in, said, set_iterations
from cqrs_cli.checking.material import Material
from cqrs_cli.checking.surroundings import ONE, OTHER, Surroundings
from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.domain import Domain
from cqrs_cli.finding import Checked, Finding
from cqrs_cli.history.changes import changes
from cqrs_cli.workbench.workbench import Workbench

_HINT = "an evolve looks at nothing but the state and the event: what it wants to know is put into the event"


class _Group(NamedTuple):
    """The states of an aggregate, or the rows of a read model. kind: state or row."""

    kind: str
    name: str


class _Met:
    """What was compared of a group: how many, how many differ, and the first of those in both forms.

    failed: why it can't be folded, in both the same.
    """

    def __init__(self) -> None:
        self.compared = self.differing = 0
        self.first: tuple[str, Any, Any] | None = None
        self.failed: str | None = None

    def take(self, one: list[Any] | None, other: list[Any] | None) -> bool:
        """Compare two lines; False where no more can be put side by side, as one has what the other has not."""
        line = one or other
        assert line is not None
        key = line[2]
        if key is None:
            return True
        if one == other:
            self.compared += key != FAILED
            self.failed = line[3] if key == FAILED else self.failed
            return True
        same = one is not None and other is not None and one[2] == other[2]
        self.compared += 1
        self.differing += 1
        shown = (None if one is None else one[3], None if other is None else other[3])
        if not same and one is not None and other is not None:
            key, shown = one[2], (one[3], None)  # of two rows, one is not in both
        self.first = self.first or (key, shown[0], shown[1])
        return same


def check(material: Material) -> Checked:
    """Look at the code of all evolves, and with a store fold all states and rows in two processes and compare."""
    domain = material.domain
    clauses = _evolves(domain)
    if not clauses:
        return Checked("determinism", nothing=f"nothing of {domain.name} has an evolve")
    findings = list(_by_code(clauses))
    subjects = {clause.where: clause.function for clause in clauses}
    looked, rows = f"the code of {_counted(len(clauses), 'evolve')}", list[dict[str, Any]]()
    bench = material.bench
    if bench is None or not bench.store.head():
        why = material.no_store or "the log is empty"
        return Checked("determinism", findings, f"{looked} ({why}, so nothing was folded)", "", subjects)
    twice = _Twice(material, bench)
    groups = twice.compared()
    for group, met in groups.items():
        findings += twice.findings(group, met)
        what = "aggregate" if group.kind == "state" else "read model"
        rows.append({"kind": what, "name": group.name, "compared": met.compared, "differing": met.differing})
    if not twice.is_clock_shifted:
        told = "the clock of datetime could not be shifted in this Python: only its fractions and zone were others"
        findings.append(Finding("clock-not-shifted", "note", domain.name, told))
    count = sum(met.compared for met in groups.values())
    return Checked("determinism", findings, f"{looked}; {_counted(count, 'fold')}, each twice", "", subjects, rows)


def _evolves(domain: Domain) -> list[Clause]:
    found = [clause for one in domain.aggregates.values() for clause in one.evolvers.values()]
    found += [clause for rows in domain.row_types() for clause in rows.evolvers.values()]
    return list({clause.where: clause for clause in found}.values())


def _by_code(clauses: list[Clause]) -> Iterator[Finding]:
    for clause in clauses:
        looks = list(dict.fromkeys(looks_in(clause.function, clause.owner)))
        if clause.key is not None and hasattr(clause.key, "__code__"):
            looks += looks_in(clause.key, clause.owner)
        if looks:
            yield Finding("impure", "warning", clause.where, f"looks at {said(looks)}", _HINT)


class _Twice:
    """Folds in other processes."""

    def __init__(self, material: Material, bench: Workbench) -> None:
        self._material, self._bench, self._head = material, bench, bench.store.head()
        self.is_clock_shifted = True

    def compared(self) -> dict[_Group, _Met]:
        """All states and rows, side by side as they come."""
        found: dict[_Group, _Met] = {}
        with (
            self._lines("fold", None, ONE) as one,
            self._lines("fold", None, OTHER) as other,
            self._material.progress("folded", None, "states and rows") as done,
        ):
            # Both tell of all groups in the same order, also of empty ones.
            for (group, left), (_, right) in zip(groupby(one, _group), groupby(other, _group), strict=True):
                met = found[group] = _Met()
                for mine, others in zip_longest(left, right):
                    done(1)
                    if not met.take(mine, others):
                        break
        return found

    def findings(self, group: _Group, met: _Met) -> Iterator[Finding]:
        """What differs, where it began, and what was looked at there; a fold that fails in both."""
        name = self._class_of(group).__name__
        if met.failed is not None:
            yield Finding("fold-fails", "error", name, f"can't be folded: {met.failed}")
        if met.first is None:
            return
        key, one, other = met.first
        what = "stream" if group.kind == "state" else "row"
        clause = self._clause_of_first(group, key) if isinstance(one, dict) or isinstance(other, dict) else None
        told = f"{_counted(met.differing, what)} differ{'s' if met.differing == 1 else ''}, the first {key}: "
        told += _values(one, other)
        if clause is None:
            yield Finding("nondeterministic", "error", name, told, _HINT)
            return
        looks = self._looks(group, key) or list(set_iterations(clause.function, clause.owner))
        code = clause.function.__code__
        begins = Look("", "", code.co_filename, code.co_firstlineno).place
        why = f", which looks at {said(looks)}" if looks else f" ({begins}): nothing that it calls tells why"
        yield Finding("nondeterministic", "error", clause.where, f"{told}; from {clause.where} on{why}", _HINT)

    def _class_of(self, group: _Group) -> type:
        domain = self._bench.domain
        return domain.aggregates[group.name].cls if group.kind == "state" else domain.rows_of(group.name).cls

    def _clause_of_first(self, group: _Group, key: str) -> Clause | None:
        """The evolve after which the two are no longer the same."""
        with self._lines("steps", [*group, key], ONE) as one, self._lines("steps", [*group, key], OTHER) as other:
            type = next((str((a or b)[2]) for a, b in zip_longest(one, other) if a != b), None)
        domain = self._bench.domain
        if type is None or type not in domain.events:
            return None
        owner = domain.aggregates[group.name] if group.kind == "state" else domain.rows_of(group.name)
        return owner.evolvers.get(domain.events[type])

    def _looks(self, group: _Group, key: str) -> list[Look]:
        with self._lines("watch", [*group, key], ONE) as lines:
            return [Look(*line) for line in lines]

    @contextmanager
    def _lines(self, do: str, subject: list[str] | None, where: Surroundings) -> Iterator[Iterator[list[Any]]]:
        """What a process tells. Raises `DomainFailed` if it ends before it is done."""
        task = {
            "app": self._material.app,
            "folder": str(self._material.folder),
            "store": self._material.store or self._bench.store.url,
            "head": self._head,
            "do": do,
            "subject": subject,
            "shift": where.shift,
            "locales": where.locales,
        }
        what = "a process that folds with another hash seed, time zone and clock"
        hint = "does importing the domain depend on one of them?"
        with told_by("cqrs_cli.checking.folding_process", task, where.environ(), what, hint) as told:
            yield self._without_clock(told)

    def _without_clock(self, told: Iterator[list[Any]]) -> Iterator[list[Any]]:
        for line in told:
            if line[0] == "clock":
                self.is_clock_shifted = self.is_clock_shifted and line[1]
            else:
                yield line


def _group(line: list[Any]) -> _Group:
    return _Group(line[0], line[1])


def _values(one: Any, other: Any) -> str:
    """What is different, the first three paths of it."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return f"{_short(one)} and then {_short(other)}"
    found = list(changes(one, other))
    told = ", ".join(f"{change.path} {_short(change.old)} and then {_short(change.new)}" for change in found[:3])
    return told + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
