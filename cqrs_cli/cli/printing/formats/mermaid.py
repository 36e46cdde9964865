"""Mermaid: a flow chart."""

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Graph, Text
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.formats.dot import numbered

_SHAPES = {"box": ("[", "]"), "round": ("(", ")"), "hexagon": ("{{", "}}")}

_ENTITIES = str.maketrans(
    {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;"}
)


class MermaidFormat(Format):
    """A graph from left to right."""

    writes = (Graph,)

    def graph(self, document: Graph) -> int:
        lines = ["flowchart LR"]
        for name, node, parent in numbered(document.roots):
            opening, closing = _SHAPES[document.shape(node)]
            text = visible(document.label(node)).translate(_ENTITIES)
            lines.append(f'  {name}{opening}"{text}"{closing}')
            if parent is not None:
                lines.append(f"  {parent} {'-.->' if document.is_dashed(node) else '-->'} {name}")
        return self.text(Text("\n".join(lines)))
