"""What leads to what: commands to aggregates to events to read models and reactions, and to commands again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import quote

from cqrs_cli.checking.circles import commands_of
from cqrs_cli.checking.model import events_of
from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.messages import Event, Message, kebab

M = TypeVar("M", bound=Message)
NodeKind = Literal["command", "aggregate", "event", "projection", "reaction"]
EdgeKind = Literal["decides", "raises", "evolves", "reacts", "sends"]


class Node(NamedTuple):
    """A class of the domain. href: its page, below the root. note: what decides a command."""

    id: str
    kind: NodeKind
    label: str
    href: str
    note: str = ""


class Edge(NamedTuple):
    """One leads to another."""

    source: str
    target: str
    kind: EdgeKind


class DomainGraph:
    """The graph of a domain. produces: the events of each command; answers: who answers an event with which command."""

    def __init__(self, domain: Domain) -> None:
        self.nodes: dict[str, Node] = {}
        self._edges: dict[Edge, None] = {}
        self.produces: dict[str, set[str]] = {}
        self.answers: dict[str, set[tuple[str, str]]] = {}
        for category, aggregate in domain.aggregates.items():
            self._add(f"a:{category}", "aggregate", aggregate.cls.__name__, f"/ui/streams?category={_q(category)}")
            for command, clause in aggregate.deciders.items():
                word = kebab(command.__name__)
                made = self._add(f"c:{word}", "command", command.__name__, f"/ui/commands/{_q(word)}", clause.where)
                self._join(made, f"a:{category}", "decides")
                self.produces[made] = {self._event(event) for event in events_of(domain, command)}
                for raised in sorted(self.produces[made]):
                    self._join(f"a:{category}", raised, "raises")
            for event in _sorted(aggregate.events):
                self._join(f"a:{category}", self._event(event), "raises")
        for name, rows in domain.projections.items():
            self._add(f"p:{name}", "projection", rows.cls.__name__, f"/ui/models/{_q(name)}")
            for event in _sorted(rows.evolvers):
                self._join(self._event(event), f"p:{name}", "evolves")
        for name, reaction in domain.reactions.items():
            self._add(f"r:{name}", "reaction", reaction.cls.__name__, f"/ui/processes#{_q(name)}")
            for event in _sorted({*reaction.reactors, *(reaction.rows.evolvers if reaction.rows else ())}):
                self._join(self._event(event), f"r:{name}", "reacts")
            for event, clause in reaction.reactors.items():
                for command in _sorted(one for one in commands_of(clause) if one in domain.deciders):
                    sent = f"c:{kebab(command.__name__)}"
                    self.answers.setdefault(self._event(event), set()).add((f"r:{name}", sent))
                    self._join(f"r:{name}", sent, "sends")

    @property
    def edges(self) -> list[Edge]:
        """All, each once."""
        return list(self._edges)

    def near(self, id: str) -> set[str]:
        """What a node has to do with: up to the commands that lead to it, down to what hears of it and is sent then."""
        kind, found = self.nodes[id].kind, {id}
        if kind == "command":
            events, commands = set(self.produces.get(id, ())), {id}
            found |= {edge.source for edge in self._into.get(id, ()) if edge.kind == "sends"}
        else:
            events = {id} if kind == "event" else self._events_around(id)
            commands = {command for command, made in self.produces.items() if events & made}
            found |= {edge.target for edge in self._out_of.get(id, ()) if edge.kind == "sends"}
        heard = {edge.target for event in events for edge in self._out_of.get(event, ())}
        if kind in ("projection", "reaction"):
            heard = set()
        deciding = {edge.target for one in commands for edge in self._out_of.get(one, ()) if edge.kind == "decides"}
        raising = {edge.source for event in events for edge in self._into.get(event, ()) if edge.kind == "raises"}
        sent = {command for event in events for who, command in self.answers.get(event, ()) if who in heard}
        return found | events | commands | deciding | raising | heard | sent

    def _events_around(self, id: str) -> set[str]:
        edges = [*self._into.get(id, ()), *self._out_of.get(id, ())]
        return {one for edge in edges for one in edge[:2] if self.nodes[one].kind == "event"}

    @cached_property
    def _into(self) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {}
        for edge in self._edges:
            found.setdefault(edge.target, []).append(edge)
        return found

    @cached_property
    def _out_of(self) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {}
        for edge in self._edges:
            found.setdefault(edge.source, []).append(edge)
        return found

    def _event(self, event: type[Event]) -> str:
        name = event.stored.name
        return self._add(f"e:{name}", "event", event.__name__, f"/ui/log?type={_q(name)}")

    def _add(self, id: str, kind: NodeKind, label: str, href: str, note: str = "") -> str:
        self.nodes.setdefault(id, Node(id, kind, label, href, note))
        return id

    def _join(self, source: str, target: str, kind: EdgeKind) -> None:
        self._edges[Edge(source, target, kind)] = None


def _sorted(classes: Iterable[type[M]]) -> list[type[M]]:
    return sorted(classes, key=lambda cls: cls.__name__)


def _q(name: str) -> str:
    return quote(name, safe="")
