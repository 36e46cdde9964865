"""The rules: whether the conditions in the settings hold after every event, of all aggregates and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cqrs_cli.checking.material import Material
from cqrs_cli.domain.domain import Domain
from cqrs_cli.errors import ConfigurationError, CqrsError, Misuse, StoreFailed
from cqrs_cli.finding import Checked, Finding
from cqrs_cli.history.bisect import Break, Search, grouped, search_rows, search_streams
from cqrs_cli.history.rules import ROW, STATE, Rule, condition
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench


class _Subject(NamedTuple):
    """What rules are asked of: the states of an aggregate, or the rows of a read model."""

    kind: str
    name: str
    cls: type


def check(material: Material) -> Checked:
    """Ask every rule of the settings after every event. Raises `Misuse` for a rule that can be asked of nothing."""
    if not material.rules:
        return Checked("rules", nothing="the settings have no rules")
    asked = _asked(material.domain, material.rules)
    bench = material.bench
    if bench is None:
        return Checked("rules", nothing=material.no_store)
    if not bench.store.head():
        return Checked("rules", nothing=f"the log of {bench.store.url} is empty")
    findings, rows = list[Finding](), list[dict[str, Any]]()
    with material.progress("asked", len(asked), "subjects") as done:
        for subject, rules in asked.items():
            try:
                search = _search(bench, subject, rules)
            except StoreFailed:
                raise
            except CqrsError as error:  # an event that is not read, a value that can't be compared
                told = f"the rules of {subject.name} can't be asked: {error.message}"
                findings.append(Finding("not-asked", "error", subject.name, told, error.hint))
                continue
            findings += _findings(subject, search)
            rows += _rows(subject, rules, search)
            done(1)
    seen = sum(row["subjects"] for row in rows)
    if not seen and not findings:
        return Checked("rules", nothing="the log has no stream and no row of what the rules are about")
    names = {rule.name for rules in asked.values() for rule in rules}
    looked = f"{_counted(len(names), 'rule')} of {_counted(len(asked), 'kind')} of streams and rows"
    return Checked("rules", findings, looked, "", {subject.name: subject.cls for subject in asked}, rows)


def _asked(domain: Domain, table: Mapping[str, Any]) -> dict[_Subject, list[Rule]]:
    """By what they are asked of: rules for all, where what they name is there, and those of one kind."""
    subjects = [_Subject(STATE, one.category, one.cls) for one in domain.aggregates.values()]
    subjects += [_Subject(ROW, rows.name, rows.cls) for rows in domain.row_types()]
    found: dict[_Subject, list[Rule]] = {}
    for name, text in table.items():
        if not isinstance(text, Mapping):
            _ask(found, name, text, subjects)
            continue
        chosen = [one for one in subjects if one.name == name]
        if not chosen:
            hint = did_you_mean(name, [one.name for one in subjects])
            told = f"the rules of {name!r} are of no aggregate or read model of {domain.name}"
            raise ConfigurationError(told, hint=hint or "a category or a table: [tool.cqrs.rules.order]")
        for inner, inner_text in text.items():
            _ask(found, inner, inner_text, chosen)
    return found


def _ask(found: dict[_Subject, list[Rule]], name: str, text: Any, subjects: list[_Subject]) -> None:
    """Ask a rule of all that have what it names. Raises `Misuse` if none has."""
    refused: list[Misuse] = []
    for subject in subjects:
        try:
            rule = _rule(name, text, subject)
        except Misuse as error:
            refused.append(error)
            continue
        found.setdefault(subject, []).append(rule)
    if len(refused) == len(subjects):
        if not refused:
            raise Misuse(f"the rule {name} is about nothing: the domain is empty", code="rule", hint="leave it out")
        first = refused[0]
        raise first.retold(f"the rule {name}: {first.message}")


def _rule(name: str, text: Any, subject: _Subject) -> Rule:
    if not isinstance(text, str):
        raise Misuse(f"the rule {name} is {text!r}", code="rule", hint=f'{name} = "{subject.kind}.total >= 0"')
    return condition(name, text, subject.kind, subject.cls)


def _search(bench: Workbench, subject: _Subject, rules: list[Rule]) -> Search:
    if subject.kind == STATE:
        return search_streams(bench, rules, Selection(category=subject.name))
    return search_rows(bench, rules, bench.domain.rows_of(subject.name))


def _findings(subject: _Subject, search: Search) -> Iterator[Finding]:
    noun = "stream" if subject.kind == STATE else "row"
    for group in grouped(search):
        first: Break = group.first
        by = f" by {group.clause}" if group.clause else ""
        place = f"{search.name_of(first.key)} at @{first.position} ({first.stream}@{first.version})"
        told = f"{group.rule} fails for {_counted(group.subjects, noun)} at {group.type}{by}; the first is {place}"
        yield Finding("rule-broken", "error", subject.name, told)


def _rows(subject: _Subject, rules: list[Rule], search: Search) -> Iterator[dict[str, Any]]:
    for rule in rules:
        broken = {one.key for one in search.breaks if one.rule == rule.name}
        yield {
            "rule": rule.name,
            "kind": "aggregate" if subject.kind == STATE else "read model",
            "name": subject.name,
            "subjects": search.subjects,
            "broken": len(broken),
        }


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
