"""`cqrs help`: pages that are read without a browser, at 80 columns, and the help of commands."""

import re
from typing import Any

import pytest

from cqrs_cli.cli.commands import help as help_command
from cqrs_cli.cli.commands.help import TOPICS
from cqrs_cli.cli.printing import pages
from cqrs_cli.cli.shell.app import COMMANDS
from tests.cli.commands.test_demo import terminal
from tests.conftest import ROOT, Shell


def test_what_was_asked_for_is_there() -> None:
    wanted = {"exit-codes", "expressions", "environment", "formats", "addresses", "concepts"}
    assert wanted <= set(TOPICS)
    assert not set(TOPICS) & {entry.name for entry in COMMANDS}, "a word would mean a command and a topic"


def test_without_a_word_it_lists_the_topics(here: Any) -> None:
    ran = here("help")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()[2:]] == list(TOPICS)
    assert "cqrs --help lists the commands" in ran.err
    assert max(map(len, ran.out.splitlines())) <= 80
    assert [row["topic"] for row in here("help --json").json] == list(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_a_page_of_the_documentation(here: Any, topic: str) -> None:
    source = (ROOT / "docs" / f"{topic}.md").read_text(encoding="utf-8")
    ran = here("help", topic)
    assert (ran.code, ran.err) == (0, "")
    title = source.partition("\n")[0].removeprefix("# ")
    assert ran.out.startswith(f"{title}\n{'=' * len(title)}\n")
    long = [line for line in ran.out.splitlines() if len(line) > 80 and not line.startswith("    ")]
    assert [line for line in long if " " in line.strip()] == [], "only what can't be folded is wider"
    text = re.sub(r"^    .*", "", ran.out, flags=re.MULTILINE)  # but for what is fenced
    assert not re.search(r"\]\(|\*\*|^\||^```", text, re.MULTILINE), "marks of Markdown"
    said = here("help", topic, "--json").json
    assert said == {"topic": topic, "title": title, "text": source}


def test_all_that_a_page_says_is_said(here: Any) -> None:
    """Word by word, but for pictures, what links lead to, and the heads of tables."""
    source = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    said = here("help exit-codes").out
    words = re.findall(r"\w+", re.sub(r"\[[^]]*\]\([^)]*\)|^\| code .*$", "", source, flags=re.MULTILINE))
    assert set(words) - set(re.findall(r"\w+", said)) == {"sh"}


def test_markdown_is_the_page(here: Any) -> None:
    ran = here("help formats --format md")
    assert ran.out.startswith("# Formats\n")
    assert "| `jsonl` |" in ran.out


def test_on_a_terminal_rich_draws_it(cqrs: Shell) -> None:
    code, shown = terminal(cqrs.folder, cqrs.environ, "help", "formats")
    assert code == 0
    assert "Formats" in shown
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80
    _, bare = terminal(cqrs.folder, {**cqrs.environ, "NO_COLOR": "1"}, "help", "formats")
    assert "\x1b[" not in bare


@pytest.mark.parametrize("words", ["send", "snapshot take", "log"])
def test_a_command_is_explained_as_it_explains_itself(here: Any, words: str) -> None:
    assert here(f"help {words}") == here(f"{words} --help")


def test_a_command_of_the_domain(here: Any, tmp_path: Any) -> None:
    assert here("init").code == 0
    told = here("help send add-product --app shop:domain")
    assert told.code == 0
    assert told.out == here("send add-product --help --app shop:domain").out
    assert "--sku" in told.out


@pytest.mark.parametrize(
    ("word", "hint"),
    [("expresions", "did you mean 'expressions'"), ("sned", "did you mean 'send'?"), ("zzz", "cqrs help lists")],
)
def test_what_is_neither(here: Any, word: str, hint: str) -> None:
    ran = here("help", word)
    assert (ran.code, ran.out) == (2, "")
    assert f"no such topic or command: {word}" in ran.err
    assert hint in ran.err


def test_topics_in_other_spellings(here: Any) -> None:
    assert here("help Exit_Codes").out == here("help exit-codes").out


def test_a_package_without_its_pages(here: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(help_command, "_folder", lambda: tmp_path)
    ran = here("help formats")
    assert ran.code == 7
    assert "error[page-missing]" in ran.err


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("# One\n\n## Two\n\n### Three\n", "One\n===\n\nTwo\n---\n\nThree"),
        ("a *b* **c `d*e`** f\nand on", "a b c `d*e` f and on"),
        ("- one\n  goes on\n- two\n  - three", "- one goes on\n- two\n  - three"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("```sh\n# no heading\n| no table |\n```", "    # no heading\n    | no table |"),
        ("| a | b |\n|---|---|\n| x | one |\n| long | `p \\| q` |", "x     one\nlong  `p | q`"),
        ("| a | b | c |\n|---|---|---|\n| x | one | two |", "x  one\n   (c: two)"),
        ("| a | b | c | d |\n|---|---|---|---|\n| x | 1 | | 3 |", "x  b: 1; d: 3"),
    ],
)
def test_plain_text(markdown: str, plain: str) -> None:
    assert pages.plain(markdown) == plain


def test_what_is_folded_and_what_is_not() -> None:
    assert pages.plain("word " * 30, 40).splitlines() == ["word " * 7 + "word"] * 3 + ["word " * 5 + "word"]
    assert pages.plain("```\n" + "word " * 30 + "\n```", 40).count("\n") == 0
    assert pages.plain("- " + "word " * 12, 40) == "- " + "word " * 6 + "word\n  " + "word " * 4 + "word"


@pytest.mark.parametrize(
    ("markdown", "told"),
    [
        ("[formats.md](formats.md)", "`cqrs help formats`"),
        ("[the shapes](formats.md#json)", "the shapes (`cqrs help formats`)"),
        ("[format.md](format.md)", "format.md"),
        ("[SQLite](https://sqlite.org)", "SQLite (https://sqlite.org)"),
        ("![a picture](pictures/x.svg)\nafter", "after"),
        ("```mermaid\nflowchart\n```\nafter", "after"),
        ("```\n[formats.md](formats.md)\n```", "```\n[formats.md](formats.md)\n```"),
    ],
)
def test_links_and_pictures(markdown: str, told: str) -> None:
    assert pages.without_browser(markdown, ("formats",)) == told
