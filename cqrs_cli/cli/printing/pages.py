"""A page of the documentation, as a person reads it without a browser: plain text, or drawn by rich on a terminal.

The pages are Markdown of a few kinds: headings, paragraphs, lists, tables, fenced blocks. Pictures stay in the browser.
"""

import re
import textwrap
from collections.abc import Collection, Iterator

WIDTH = 80
TERM = 24
"""The first column of a table is at most so wide; a longer cell has a line of its own."""

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\n?", re.DOTALL | re.MULTILINE)
_PICTURE = re.compile(r"^```mermaid\n.*?^```\n|^!\[[^\]]*\]\([^)]*\)\n|^<!--.*?-->\n", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_ITEM = re.compile(r"(?:[-*]|\d+\.) ")
_CODE = re.compile(r"`[^`]*`")
_CELL = re.compile(r"(?<!\\)\|")


def title_of(markdown: str) -> str:
    """The first heading."""
    return markdown.partition("\n")[0].removeprefix("# ").strip()


def without_browser(markdown: str, topics: Collection[str]) -> str:
    """Without pictures; a link to one of the topics says how to read it, any other is its text alone."""

    def told(link: re.Match[str]) -> str:
        text, target = link.groups()
        if "://" in target:
            return text if text == target else f"{text} ({target})"
        name = target.partition("#")[0].rpartition("/")[2].removesuffix(".md")
        if name not in topics:
            return text
        return f"`cqrs help {name}`" if text.removesuffix(".md") == name else f"{text} (`cqrs help {name}`)"

    parts = re.split(r"(^```.*?^```\n?)", _PICTURE.sub("", markdown), flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else _LINK.sub(told, part) for part in parts)


def plain(markdown: str, width: int = WIDTH) -> str:
    """Lines of at most `width` characters, but for what stands in fenced blocks."""
    blocks: list[str] = []
    at = 0
    for fence in _FENCE.finditer(markdown):
        blocks += _blocks(markdown[at : fence.start()], width)
        blocks.append(textwrap.indent(fence[2].rstrip(), "    "))
        at = fence.end()
    blocks += _blocks(markdown[at:], width)
    return "\n\n".join(blocks)


def _blocks(text: str, width: int) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.splitlines()
        if not block.strip():
            continue
        if lines[0].startswith("#"):
            yield _heading(lines.pop(0))
        if lines and lines[0].startswith("|"):
            yield "\n".join(_table(lines, width))
        elif lines:
            yield "\n".join(_paragraphs(lines, width))


def _heading(line: str) -> str:
    marks, _, title = line.partition(" ")
    title = _said(title)
    under = {1: "=", 2: "-"}.get(len(marks))
    return f"{title}\n{under * len(title)}" if under else title


def _paragraphs(lines: list[str], width: int) -> Iterator[str]:
    """Text that runs on, and items of lists, which begin lines of their own and are indented."""
    items: list[tuple[str, list[str]]] = []
    for line in lines:
        bare = line.lstrip()
        if _ITEM.match(bare) or not items:
            mark = _ITEM.match(bare)
            first = line[: len(line) - len(bare)] + (mark[0] if mark else "")
            items.append((first, [bare[len(mark[0]) if mark else 0 :]]))
        else:
            items[-1][1].append(bare)
    for first, words in items:
        yield _filled(" ".join(words), width, first, " " * len(first))


def _table(lines: list[str], width: int) -> Iterator[str]:
    """A row is its first cell and what is told of it, with the columns' headings where there are several."""
    rows = [[_said(cell.strip().replace("\\|", "|")) for cell in _CELL.split(line.strip(" |"))] for line in lines]
    heads, cells = rows[0], rows[2:]
    term = min(TERM, max((len(row[0]) for row in cells), default=0))
    for row in cells:
        told = [text for text in row[1:2] if text]
        told += [f"({head}: {text})" for head, text in zip(heads[2:3], row[2:3], strict=False) if text]
        if len(heads) > 3:
            told = ["; ".join(f"{head}: {text}" for head, text in zip(heads[1:], row[1:], strict=False) if text)]
        if len(row[0]) > term:
            yield _filled(row[0], width)
            first = " " * (term + 2)
        else:
            first = f"{row[0]:<{term}}  "
        for text in told:
            yield _filled(text, width, first, " " * (term + 2))
            first = " " * (term + 2)
        if not told and first.strip():
            yield row[0]


def _filled(text: str, width: int, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        _said(text), width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _said(text: str) -> str:
    """Without the marks of emphasis; those of code stay, as they tell what can be typed."""
    codes = _CODE.findall(text)
    bare = re.sub(r"\*(\S[^*]*)\*", r"\1", _CODE.sub("\0", text).replace("**", "*"))
    return re.sub("\0", lambda _: codes.pop(0), bare)


def drawn(markdown: str, width: int, color: bool) -> str:
    """Drawn by rich for a terminal of so many columns."""
    import io

    from rich.console import Console
    from rich.markdown import Markdown

    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    console.print(Markdown(markdown, code_theme="ansi_dark", hyperlinks=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
