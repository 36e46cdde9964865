"""docs/peers.md is what the cases say."""

from __future__ import annotations

import importlib
import unittest

import pytest

from tests.peers.page import PAGE, PEERS, RECORDERS, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make docs writes it anew"


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_no_case_is_told_twice_or_without_a_word(peer) -> None:
    titles = [case.title for case in peer.cases]
    assert len(set(titles)) == len(titles)
    assert [case.title for case in peer.cases if (case.verdict == "holds") == bool(case.note)] == []


def test_the_cases_of_pyeventsourcing_are_as_many_as_the_page_says() -> None:
    pytest.importorskip("eventsourcing.tests.persistence", reason="make peers installs pyeventsourcing")
    module = importlib.import_module("tests.peers.test_pyeventsourcing")
    assert unittest.defaultTestLoader.loadTestsFromModule(module).countTestCases() == RECORDERS
