"""The map of the domain, drawn as SVG in columns, and the same as a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.http.pages.domain_graph import DomainGraph, Edge, Node
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.workbench.workbench import Workbench

COLUMNS = {"command": 0, "aggregate": 1, "event": 2, "projection": 3, "reaction": 3}
TITLES = ("Commands", "Aggregates", "Events", "Read models and reactions")
WIDE, HIGH, TOP = 250, 34, 26
"""Of a column, a row, and where the first one begins."""
BOX = 190, 26
SENT_WIDE, SENT_HIGH = 170, 16
"""Of the commands that reactions send, which stand beside them."""
TIMES = 8
LONGEST = 24


class Placed(NamedTuple):
    """A box. near: the ids that it has to do with. label: cut, if it is long."""

    node: Node
    x: int
    y: float
    label: str
    near: str


class Curve(NamedTuple):
    """A line between two boxes. path: its `d`."""

    edge: Edge
    path: str


class Sent(NamedTuple):
    """A command that a reaction sends: its node, beside the reaction, and the line to it."""

    node: Node
    reaction: str
    x: int
    y: float
    curve: Curve


class Picture(NamedTuple):
    """All that is drawn."""

    width: int
    height: float
    boxes: Sequence[Placed]
    curves: Sequence[Curve]
    sent: Sequence[Sent]


class DomainMap:
    """The page of the map."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._graph = DomainGraph(site.face.domain)
        self._picture = draw(self._graph)

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/domain", self.show, "read", "domain")]

    async def show(self, request: Request) -> Response:
        """The picture, the list and what a check of the classes found."""
        Parameters(request, ())
        site = self._site

        def read(bench: Workbench) -> list[dict[str, object]]:
            return site.plains(bench, map(records.finding, site.face.domain.check()))

        return site.render(
            request, "domain.html", title="Domain map", picture=self._picture, titles=TITLES, column=WIDE, box=BOX,
            nodes=self._graph.nodes, edges=self._graph.edges, findings=await site.face.benches.read(read),
            shell=shell("schema"),
        )  # fmt: skip


def draw(graph: DomainGraph) -> Picture:
    """Place the boxes: rows are ordered by the mean of their neighbours, to and fro, so that few lines cross."""
    columns: list[list[str]] = [[] for _ in TITLES]
    for node in graph.nodes.values():
        columns[COLUMNS[node.kind]].append(node.id)
    place = _places(columns, graph)
    boxes = {
        id: Placed(node, COLUMNS[node.kind] * WIDE, place[id] * HIGH + TOP, _cut(node.label), _near(graph, id))
        for id, node in graph.nodes.items()
    }
    curves = [
        Curve(edge, _curve(boxes[edge.source].x + BOX[0], boxes[edge.source].y, boxes[edge.target]))
        for edge in graph.edges
        if edge.kind != "sends"
    ]
    sent = list(_sent(graph, boxes))
    bottom = max([*(one.y for one in boxes.values()), *(one.y for one in sent)], default=0) + HIGH
    return Picture(WIDE * len(TITLES) + (SENT_WIDE if sent else BOX[0] - WIDE), bottom, [*boxes.values()], curves, sent)


def _places(columns: list[list[str]], graph: DomainGraph) -> dict[str, float]:
    neighbours: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.kind != "sends":
            neighbours.setdefault(edge.source, []).append(edge.target)
            neighbours.setdefault(edge.target, []).append(edge.source)
    place = {id: float(row) for column in columns for row, id in enumerate(column)}
    most = max(map(len, columns))
    for _ in range(TIMES):
        for column in columns:
            means = {id: _mean([place[one] for one in neighbours.get(id, ())], place[id]) for id in column}
            column.sort(key=means.__getitem__)
            step = most / max(len(column), 1)
            place.update({id: (row + 0.5) * step for row, id in enumerate(column)})
    return place


def _mean(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _sent(graph: DomainGraph, boxes: dict[str, Placed]) -> Iterator[Sent]:
    at: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.kind == "sends":
            at.setdefault(edge.source, []).append(edge.target)
    x, lowest = WIDE * len(TITLES) - 40, 0.0
    for reaction, commands in sorted(at.items(), key=lambda one: boxes[one[0]].y):
        top = max(boxes[reaction].y - (len(commands) - 1) * SENT_HIGH / 2, lowest)
        for row, command in enumerate(commands):
            y = top + row * SENT_HIGH
            start, y0 = boxes[reaction].x + BOX[0], boxes[reaction].y
            path = f"M{start} {y0:.1f}C{start + 12} {y0:.1f} {x - 16} {y:.1f} {x - 4} {y:.1f}"
            yield Sent(graph.nodes[command], reaction, x, y, Curve(Edge(reaction, command, "sends"), path))
        lowest = top + len(commands) * SENT_HIGH + 4


def _curve(x1: int, y1: float, target: Placed) -> str:
    bend = max((target.x - x1) / 2, 30)
    return f"M{x1} {y1:.1f}C{x1 + bend:.0f} {y1:.1f} {target.x - bend:.0f} {target.y:.1f} {target.x} {target.y:.1f}"


def _near(graph: DomainGraph, id: str) -> str:
    return " ".join(sorted(graph.near(id)))


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
