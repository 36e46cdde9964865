"""Mermaid: a flow chart."""

from cqrs_cli.cli.printing.documents import Graph, Text
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.formats.dot import numbered

_SHAPES = {"box": ("[", "]"), "round": ("(", ")"), "hexagon": ("{{", "}}")}


class MermaidFormat(Format):
    """A graph from left to right."""

    writes = (Graph,)

    def graph(self, document: Graph) -> int:
        lines = ["flowchart LR"]
        for name, node, parent in numbered(document.roots):
            opening, closing = _SHAPES[document.shape(node)]
            text = document.label(node).replace("&", "&amp;").replace('"', "&quot;")
            text = text.replace("<", "&lt;").replace(">", "&gt;")
            lines.append(f'  {name}{opening}"{text}"{closing}')
            if parent is not None:
                lines.append(f"  {parent} {'-.->' if document.is_dashed(node) else '-->'} {name}")
        return self.text(Text("\n".join(lines)))
