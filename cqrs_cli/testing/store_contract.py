"""What a store must do, whatever it is made of: subclass `StoreContract` and give it the fixture `url`.

`url`: of a log that is not there yet. Two objects opened on one URL are two clients of one log.
Positions grow but need not be dense; what only some stores promise is tested beside them.
"""

import json
import time
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cqrs_cli.errors import (
    CommandReused,
    Conflict,
    CqrsError,
    Damaged,
    InvalidInput,
    LimitExceeded,
    Misuse,
    NotFound,
    Unavailable,
)
from cqrs_cli.stores.commits import (
    MAX_COMMIT_BYTES,
    MAX_COMMIT_EVENTS,
    MAX_EVENT_BYTES,
    Commit,
    NewEvent,
    Receipt,
    Recorded,
)
from cqrs_cli.stores.conditions import AtVersion, NewStream, StreamExists
from cqrs_cli.stores.contract import Append, Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.streams import category_of
from cqrs_cli.testing import races
from cqrs_cli.testing.making import commit, event, sent
from cqrs_cli.testing.rows_contract import RowsContract

STREAMS = [
    "order-1",
    "order-2",
    "order",
    "orders-1",
    "order,x",
    "order%2D1",
    "order.x-1",
    "user_1-a",
    "userX1-b",
    "Größe-1",
    "stock-7",
]
TYPES = ["Placed", "Paid", "Shipped"]
selections = st.builds(
    Selection,
    stream=st.none() | st.sampled_from([*STREAMS, "nobody-1"]),
    category=st.none() | st.sampled_from([*map(category_of, STREAMS), "nobody", "order_", "user%"]),
    types=st.none() | st.frozensets(st.sampled_from([*TYPES, "Unheard"])),
    after=st.integers(-2, 130),
    before=st.none() | st.integers(-2, 130),
    limit=st.none() | st.integers(0, 90),
    backwards=st.booleans(),
    by_stream=st.just(False),
    after_version=st.just(0) | st.integers(-2, 30),
    before_version=st.none() | st.integers(-2, 30),
)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url, create=True) as opened:
        yield opened


def chosen(events: list[Recorded], want: Selection) -> list[Recorded]:
    """The events of a selection, word for word as the contract defines it."""
    found = [
        e
        for e in events
        if (want.stream is None or e.stream == want.stream)
        and (want.category is None or category_of(e.stream) == want.category)
        and (want.types is None or e.type in want.types)
        and e.position > want.after
        and (want.before is None or e.position < want.before)
        and e.version > want.after_version
        and (want.before_version is None or e.version < want.before_version)
    ]
    if want.backwards:
        found.reverse()
    return found if want.limit is None else found[: want.limit]


class StoreContract(RowsContract):
    """Every store passes these, word for word."""

    in_one_process = False
    """Whether only one process can have the log open: then threads race, each with a store of its own."""

    # ── append ────────────────────────────────────────────────────────────────────────────────

    def test_an_event_comes_back_as_it_was_sent_with_its_envelope(self, store: Store) -> None:
        data = '{"name":"Größe 😀","n":1.50}'.encode()
        before = time.time_ns() // 1000
        receipt = store.append(
            commit(
                "c1",
                event("order-1", "Placed", data, 3),
                event("order-1", "Paid"),
                correlation_id="co",
                causation_id="x:1",
                user_id="ada",
                metadata='{"ip":"::1"}',
            )
        )
        first, second = store.read()
        assert receipt == Receipt((first, second))
        assert first[:6] == (first.position, "order-1", 1, "Placed", 3, data)
        assert (first.commit_id, first.number, first.command_type) == ("c1", 1, "PlaceOrder")
        assert (first.correlation_id, first.causation_id, first.user_id) == ("co", "x:1", "ada")
        assert first.metadata == {"ip": "::1"}
        assert before <= first.recorded_us <= time.time_ns() // 1000
        assert (second.version, second.number, second.event_id) == (2, 2, "c1:2")
        assert second.position > first.position
        assert [tuple(e) for e in store.scan()] == [e[:6] for e in (first, second)]

    def test_the_correlation_is_the_commit_itself_when_nothing_else_is_given(self, store: Store) -> None:
        (recorded,) = store.append(commit("c1")).events
        assert (recorded.correlation_id, recorded.causation_id, recorded.user_id) == ("c1", None, None)
        assert recorded.metadata == {}
        assert recorded.command_id == "c1"
        assert store.append(commit("c2", body=None)).events[0].command_id is None

    def test_versions_count_in_each_stream_and_positions_over_all(self, store: Store) -> None:
        store.append(commit("c1", event("a-1"), event("b-1"), event("a-1")))
        store.append(commit("c2", event("b-1"), event("a-1")))
        got = [(e.stream, e.version, e.number) for e in store.read()]
        assert got == [("a-1", 1, 1), ("b-1", 1, 2), ("a-1", 2, 3), ("b-1", 2, 1), ("a-1", 3, 2)]
        positions = [e.position for e in store.read()]
        assert positions == sorted(set(positions))
        assert (store.version("a-1"), store.version("b-1"), store.version("c-1")) == (3, 2, 0)
        assert store.head() == positions[-1]

    def test_an_empty_log(self, store: Store) -> None:
        assert (store.head(), store.version("a-1"), store.types(), list(store.read())) == (0, 0, {}, [])
        assert (list(store.streams()), list(store.commits()), store.commit("c")) == ([], [], None)
        assert store.position_at(2**62) == 0

    # ── conditions ────────────────────────────────────────────────────────────────────────────

    def test_a_condition_that_holds_lets_the_commit_in(self, store: Store) -> None:
        store.append(commit("c1"), [NewStream("order-1")])
        store.append(commit("c2"), [AtVersion("order-1", 1), AtVersion("order-2", 0), NewStream("order-3")])
        store.append(commit("c3"), [StreamExists("order-1")])
        assert store.version("order-1") == 3

    @pytest.mark.parametrize(
        ("condition", "message"),
        [
            (NewStream("order-1"), "order-1 is at version 1, expected a new stream"),
            (AtVersion("order-1", 0), "order-1 is at version 1, expected 0"),
            (AtVersion("order-1", 2), "order-1 is at version 1, expected 2"),
            (AtVersion("order-9", 1), "order-9 is at version 0, expected 1"),
            (StreamExists("order-9"), "order-9 does not exist, expected a stream that does"),
            (StreamExists("order-7"), "order-7 does not exist, expected a stream that does"),
        ],
    )
    def test_a_condition_that_does_not_hold_is_a_conflict_and_nothing_is_written(
        self, store: Store, condition: Any, message: str
    ) -> None:
        store.append(commit("c1"))
        with pytest.raises(Conflict, match=message) as caught:
            store.append(commit("c2", event("order-7"), event("order-1")), [NewStream("order-7"), condition])
        assert caught.value.code == "conflict"
        assert caught.value.details["actual"] == store.version(condition.stream)
        assert len(list(store.read())) == 1
        assert store.commit("c2") is None

    def test_an_unknown_condition_is_refused_not_ignored(self, store: Store) -> None:
        with pytest.raises(Misuse) as caught:
            store.append(commit("c1"), [("order-1", 0)])  # type: ignore[list-item]
        for condition in (NewStream("a b"), AtVersion("a b", 0), StreamExists("a b")):
            with pytest.raises(Misuse):
                store.append(commit("c1"), [condition])
        assert caught.value.code == "unknown-condition"
        (outcome,) = store.append_many([Append(commit("c1"), ("new",))])  # type: ignore[arg-type]
        assert isinstance(outcome, Misuse)
        assert store.head() == 0

    # ── idempotency ───────────────────────────────────────────────────────────────────────────

    def test_the_same_command_again_gets_the_first_answer_whatever_the_conditions(self, store: Store, url: str) -> None:
        first = store.append(commit("c1", event(), event("order-2")), [NewStream("order-1")])
        store.append(commit("c2"))
        again = store.append(commit("c1", event("elsewhere-1")), [NewStream("order-1")])
        assert again == first._replace(duplicate=True)
        with open_store(url) as other:
            assert other.append(commit("c1"), [AtVersion("order-1", 99)]) == again
        assert len(list(store.read())) == 3

    def test_the_id_with_another_body_is_an_error(self, store: Store) -> None:
        store.append(commit("c1", body='{"n":1}'))
        with pytest.raises(CommandReused) as caught:
            store.append(commit("c1", body='{"n":2}'))
        assert caught.value.code == "command-id-reused"
        with pytest.raises(CommandReused):
            store.append(Commit("c1", (event(),), sent('{"n":1}', type="Other")))
        with pytest.raises(CommandReused):
            store.append(commit("c1", body=None))
        assert len(list(store.read())) == 1

    def test_without_commands_the_events_tell_two_commits_apart(self, store: Store) -> None:
        store.append(commit("c1", event(data=b"[1]"), body=None))
        assert store.append(commit("c1", event(data=b"[1]"), body=None)).duplicate
        with pytest.raises(CommandReused):
            store.append(commit("c1", event(data=b"[2]"), body=None))
        with pytest.raises(CommandReused):
            store.append(commit("c1", event(data=b"[1]")))

    def test_a_commit_that_failed_leaves_its_id_free(self, store: Store) -> None:
        with pytest.raises(Conflict):
            store.append(commit("c1"), [AtVersion("order-1", 4)])
        assert not store.append(commit("c1", body='{"other":1}')).duplicate

    def test_the_clock_may_be_set_and_times_never_go_back(self, store: Store) -> None:
        for second in (100, 300, 200):
            store.clock = lambda second=second: second * 10**9  # type: ignore[misc]
            assert store.clock() == second * 10**9
            store.append(commit(f"c{second}"))
        store.append_many([Append(commit("d")), Append(commit("e"))])
        assert [event.recorded_us // 1_000_000 for event in store.read()] == [100, 300, 300, 300, 300]

    # ── append_many ───────────────────────────────────────────────────────────────────────────

    def test_what_is_copied_keeps_its_time_which_never_falls_and_is_over(self, store: Store) -> None:
        store.clock = lambda: 100 * 10**9
        assert store.append(commit("c1")._replace(recorded_us=40 * 10**6)).events[0].recorded_us == 40 * 10**6
        refused = {39 * 10**6: "recorded-before", 100 * 10**6 + 1: "recorded-ahead"}
        for recorded_us, code in refused.items():
            with pytest.raises(Misuse) as caught:
                store.append(commit("c2")._replace(recorded_us=recorded_us))
            assert caught.value.code == code
        answers = store.append_many([Append(commit(f"c{at}")._replace(recorded_us=at * 10**6)) for at in (50, 45, 60)])
        assert [isinstance(answer, Misuse) for answer in answers] == [False, True, False]
        assert store.append(commit("c3")).events[0].recorded_us == 100 * 10**6, "one that is not copied has the clock's"
        assert [event.recorded_us // 10**6 for event in store.read()] == [40, 50, 60, 100]

    def test_each_commit_of_a_batch_has_its_own_outcome(self, store: Store) -> None:
        store.append(commit("old"))
        outcomes = store.append_many(
            [
                Append(commit("b1", event("a-1")), (NewStream("a-1"),)),
                Append(commit("b2", event("a-1")), (NewStream("a-1"),)),
                Append(commit("old")),
                Append(commit("old", body="[]")),
                Append(commit("b1", event("a-1"))),
                Append(commit("b1", body="[]")),
                Append(commit("b3", event("a-1\n"))),
                Append(commit("b4", event("a-1"), event("n-1", "Fresh")), (AtVersion("a-1", 1),)),
            ]
        )
        kinds = [type(o).__name__ if isinstance(o, CqrsError) else o.duplicate for o in outcomes]
        assert kinds == [False, "Conflict", True, "CommandReused", True, "CommandReused", "Misuse", False]
        assert [(e.stream, e.version, e.commit_id) for e in store.read()] == [
            ("order-1", 1, "old"),
            ("a-1", 1, "b1"),
            ("a-1", 2, "b4"),
            ("n-1", 1, "b4"),
        ]
        assert [o.events for o in outcomes if isinstance(o, Receipt) and not o.duplicate] == [
            c.events for c in store.commits() if c.id != "old"
        ]

    def test_a_batch_ends_where_a_commit_follows_one_that_it_did_not_write(self, store: Store) -> None:
        store.append(commit("old"))
        store.append(commit("a", event("a-1")))  # somebody was faster: b1 fails, and what b2 expects is there
        outcomes = store.append_many(
            [
                Append(commit("b1", event("a-1")), (NewStream("a-1"),)),
                Append(commit("old"), follows=("b1",)),
                Append(commit("c1", event("c-1")), (NewStream("c-1"),)),
                Append(commit("c2", event("c-1")), (AtVersion("c-1", 1),), follows=("c1",)),
                Append(commit("b2", event("a-1")), (AtVersion("a-1", 1),), follows=("c2", "b1")),
                Append(commit("d1", event("d-1"))),
            ]
        )
        kinds = [type(o).__name__ if isinstance(o, CqrsError) else o.duplicate for o in outcomes]
        assert kinds == ["Conflict", True, False, False]
        assert [e.commit_id for e in store.read()] == ["old", "a", "c1", "c2"]
        assert store.append_many([Append(commit("d1"), follows=("old",)), Append(commit("d2"))]) == []
        assert store.head() == 4

    def test_a_batch_ends_where_a_stream_is_not_as_a_commit_assumes(self, store: Store) -> None:
        store.append(commit("a", event("a-1")))
        outcomes = store.append_many(
            [
                Append(commit("b1", event("b-1")), assumes=(AtVersion("a-1", 1), AtVersion("n-1", 0))),
                Append(commit("a"), assumes=(AtVersion("a-1", 7),)),  # it has an answer already
                Append(commit("b2", event("b-1")), assumes=(NewStream("c-1"), AtVersion("b-1", 1))),
                Append(commit("b3", event("b-1")), assumes=(AtVersion("a-1", 1), NewStream("b-1"))),
                Append(commit("b4")),
            ]
        )
        assert [o.duplicate if isinstance(o, Receipt) else o for o in outcomes] == [False, True, False]
        assert [e.commit_id for e in store.read()] == ["a", "b1", "b2"]
        assert store.append_many([Append(commit("b4"), assumes=(AtVersion("a-1", 2),))]) == []

    def test_a_batch_ends_where_what_no_store_takes_follows_what_was_not_written(self, store: Store) -> None:
        store.append(commit("a", event("a-1")))
        appends = [
            Append(commit("b", event("a-1")), (NewStream("a-1"),)),
            Append(Commit("c", ())),
            Append(Commit("d", ()), follows=("b",)),
            Append(commit("e")),
        ]
        assert [type(outcome).__name__ for outcome in store.append_many(appends)] == ["Conflict", "Misuse"]
        assert store.head() == 1

    def test_a_batch_of_nothing_and_of_nothing_good(self, store: Store) -> None:
        assert store.append_many([]) == []
        (outcome,) = store.append_many([Append(Commit("c", ()))])
        assert isinstance(outcome, Misuse)

    def test_an_inline_hook_that_fails_takes_its_own_commit_with_it(self, store: Store) -> None:
        def refuse(rows: Any, recorded: Any) -> None:
            rows.put(self.COUNTS, [("left", 1)])
            raise Conflict("no")

        def count(rows: Any, recorded: Any) -> None:
            rows.create(self.COUNTS)
            rows.put(self.COUNTS, [(e.event_id, e.version) for e in recorded])

        outcomes = store.append_many(
            [
                Append(commit("b1", event("a-1")), (), count),
                Append(commit("b2", event("a-1"), event("b-1", "Rare")), (), refuse),
                Append(commit("b3", event("a-1"), event("c-1", "Other"))),
                Append(commit("b4", event("b-1", "Rare")), (NewStream("b-1"),), count),
            ]
        )
        assert [isinstance(o, Receipt) for o in outcomes] == [True, False, True, True]
        assert [(e.stream, e.version, e.type) for e in store.read()] == [
            ("a-1", 1, "OrderPlaced"),
            ("a-1", 2, "OrderPlaced"),
            ("c-1", 1, "Other"),
            ("b-1", 1, "Rare"),
        ]
        assert list(store.rows.select(self.COUNTS)) == [("b1:1", 1), ("b4:1", 1)]

    @pytest.mark.parametrize("failure", [Unavailable, Damaged])
    def test_what_the_store_itself_suffers_is_no_one_commits_own(self, store: Store, failure: type[CqrsError]) -> None:
        """A disk that fails in the middle of a batch: nothing of it is written, and nobody is told an outcome."""

        def fail(rows: Any, recorded: Any) -> None:
            raise failure("the disk failed")

        batch = [Append(commit("b1", event("a-1"))), Append(commit("b2"), (), fail), Append(commit("b3", event("a-1")))]
        with pytest.raises(failure):
            store.append_many(batch)
        assert (store.head(), store.known(["b1", "b2", "b3"])) == (0, set())
        assert [o.duplicate for o in store.append_many([batch[0], batch[2]]) if isinstance(o, Receipt)] == [False] * 2
        assert store.version("a-1") == 2

    def test_inline_rows_and_events_are_there_together_or_not_at_all(self, store: Store) -> None:
        def fail(rows: Any, recorded: Any) -> None:
            rows.create(self.COUNTS)
            rows.put(self.COUNTS, [("x", 1)])
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.append(commit("c1"), inline=fail)
        assert (store.head(), store.rows.count(self.COUNTS), store.commit("c1")) == (0, 0, None)
        store.append(commit("c1"))

    def test_an_inline_hook_sees_the_events_and_may_not_append(self, store: Store) -> None:
        seen: list[Any] = []

        def look(rows: Any, recorded: Any) -> None:
            seen.append((list(store.read()) == list(recorded), store.version("order-1")))
            with pytest.raises(Misuse):
                store.append(commit("c2"))

        store.append(commit("c1"), inline=look)
        assert seen == [(True, 1)]
        assert store.commit("c2") is None

    # ── limits and names ──────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize(
        "stream",
        [
            "",
            "a b",
            "a@1",
            "a/b",
            "a:b",
            "a\n",
            "a\x1b[1m",
            "a\0",
            "e\u0301-1",
            "\u212b-1",
            "\u1112\u1161\u11ab-1",
            "\ud800",
            "a\u202eb",
            "a*",
        ],
    )
    def test_a_bad_stream_name_is_refused(self, store: Store, stream: str) -> None:
        with pytest.raises(Misuse):
            store.append(commit("c1", event(stream)))
        with pytest.raises(Misuse):
            store.append(commit("c1"), [NewStream(stream)])
        assert store.head() == 0

    @pytest.mark.parametrize(
        "bad",
        [
            commit("c1", event("a" * 201)),
            commit("c1", event("ä" * 101)),
            commit("c1", event(type="T" * 201)),
            commit("c" * 201),
            commit("c1", event(data=b'"' + b"x" * MAX_EVENT_BYTES + b'"')),
            commit("c1", *[event()] * (MAX_COMMIT_EVENTS + 1)),
            commit("c1", *[event(data=b'"' + b"x" * (MAX_EVENT_BYTES - 2) + b'"')] * 17),
            commit("c1", metadata='"' + "x" * 17_000_000 + '"'),
            commit("c1", body='"' + "x" * MAX_COMMIT_BYTES + '"'),
            commit("c1", user_id="u" * 401),
            commit("c1", correlation_id="k" * 401),
            commit("c1", causation_id="k" * 401),
        ],
        ids=[
            *("stream", "stream in bytes", "type", "id", "event", "events", "commit", "metadata"),
            *("command", "user", "correlation", "causation"),
        ],
    )
    def test_too_large_is_refused(self, store: Store, bad: Commit) -> None:
        with pytest.raises(LimitExceeded) as caught:
            store.append(bad)
        assert caught.value.exit_code == 2
        assert store.head() == 0

    def test_the_largest_that_is_allowed_goes_in(self, store: Store) -> None:
        store.append(commit("c" * 200, *[event("s" * 200)] * MAX_COMMIT_EVENTS))
        large = b'"' + b"x" * (MAX_EVENT_BYTES - 2) + b'"'
        store.append(commit("c2", *[event(data=large)] * 15))
        assert [e.data for e in store.scan(Selection(stream="order-1"))] == [large] * 15
        assert store.version("s" * 200) == MAX_COMMIT_EVENTS

    @pytest.mark.parametrize(
        "bad",
        [
            commit(""),
            commit("a\0b"),
            commit("\ud800"),
            commit("c1", user_id="\udfff"),
            commit("c1", correlation_id=""),
            commit("c1", causation_id="\ud800"),
            Commit("c1", (event(),), sent()._replace(data=b'"\xff"')),
            Commit("c1", (event(),), sent()._replace(data=b"")),
            Commit("c1", (event(),), sent(type="")),
            commit("c1", event(data=b'"\xff"')),
            commit("c1", event(data=b'"\xed\xa0\x80"')),
            commit("c1", event(data=b'"\0"')),
            commit("c1", event(data=b"")),
            commit("c1", event(type="")),
        ],
    )
    def test_what_is_no_text_is_refused(self, store: Store, bad: Commit) -> None:
        with pytest.raises(InvalidInput):
            store.append(bad)
        assert store.head() == 0

    @pytest.mark.parametrize("version", [0, -1, 2**31])
    def test_a_schema_version_out_of_range_is_refused(self, store: Store, version: int) -> None:
        with pytest.raises(Misuse):
            store.append(commit("c1", NewEvent("a-1", "T", version, b"{}")))

    @pytest.mark.parametrize(
        "odd", [{"schema_version": 0}, {"digest": b"x"}, {"issued_at": 2**63}, {"issued_at": -(2**63) - 1}]
    )
    def test_a_command_out_of_range_is_refused(self, store: Store, odd: dict[str, Any]) -> None:
        with pytest.raises(Misuse):
            store.append(Commit("c1", (event(),), sent()._replace(**odd)))
        assert store.head() == 0

    # ── reading ───────────────────────────────────────────────────────────────────────────────

    def test_any_selection_gives_what_the_contract_says(self, store: Store) -> None:
        number = 0
        for batch in range(12):
            appends = []
            for _ in range(5):
                number += 1
                events = [
                    event(STREAMS[(number * 7 + i * 3) % len(STREAMS)], TYPES[(number + i) % 3])
                    for i in range(number % 3 + 1)
                ]
                appends.append(Append(commit(f"c{batch}-{number}", *events)))
            store.append_many(appends)
        everything = list(store.read())
        assert len(everything) == 120

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))  # pyright: ignore[reportArgumentType]
        @given(selections)
        def check(want: Selection) -> None:
            assert list(store.read(want)) == chosen(everything, want)
            assert [tuple(e) for e in store.scan(want)] == [e[:6] for e in chosen(everything, want)]
            whole = want._replace(limit=None, backwards=False)
            grouped = list(store.read(whole._replace(by_stream=True)))
            assert sorted(grouped) == chosen(everything, whole)
            runs = [stream for stream, _ in groupby(e.stream for e in grouped)]
            assert len(runs) == len(set(runs))
            assert all(a.version < b.version for a, b in pairwise(grouped) if a.stream == b.stream)

        check()

    def test_a_stream_between_versions(self, store: Store) -> None:
        for number in range(10):
            store.append(commit(f"c{number}", event("a-1"), event("b-1"), event("a-1")))

        def versions(**bounds: Any) -> list[int]:
            return [e.version for e in store.read(Selection(stream="a-1", **bounds))]

        assert versions(after_version=17) == [18, 19, 20]
        assert versions(before_version=3) == [1, 2]
        assert versions(after_version=4, before_version=8) == [5, 6, 7]
        assert versions(after_version=4, before_version=8, backwards=True, limit=2) == [7, 6]
        assert (
            versions(after_version=20)
            == versions(before_version=1)
            == versions(after_version=4, before_version=5)
            == []
        )
        position = next(e.position for e in store.read(Selection(stream="a-1", after_version=9)))
        assert versions(after=position - 1, before_version=12) == [10, 11]
        assert [e.stream for e in store.read(Selection(after_version=10))] == ["a-1"] * 10

    def test_streams_are_read_one_after_the_other(self, store: Store) -> None:
        store.append(commit("c1", event("b-1"), event("a-1"), event("b-2"), event("b-1", "Paid")))
        got = [(e.stream, e.version) for e in store.read(Selection(category="b", by_stream=True))]
        assert sorted(got) == [("b-1", 1), ("b-1", 2), ("b-2", 1)]
        assert got.index(("b-1", 2)) == got.index(("b-1", 1)) + 1
        with pytest.raises(Misuse):
            list(store.read(Selection(by_stream=True, backwards=True)))

    def test_large_and_small_events_are_read_in_order(self, store: Store) -> None:
        sizes = [2, 900_000, 2, 900_000, 900_000] + [2] * 400 + [500_000] * 5 + [2] * 1500
        for at in range(0, len(sizes), 10):
            some = [event(f"s-{n % 3}", data=b'"' + b"x" * n + b'"') for n in sizes[at : at + 10]]
            store.append(commit(f"c{at}", *some))
        assert [len(e.data) - 2 for e in store.scan()] == sizes
        assert [len(e.data) - 2 for e in store.read(Selection(backwards=True))] == sizes[::-1]

    def test_reading_goes_on_while_the_caller_appends(self, store: Store) -> None:
        """Nothing is held while the caller works; the reader ends at the end of a commit."""
        store.append_many([Append(commit(f"c{n}")) for n in range(300)])
        seen = 0
        for number, _ in enumerate(store.read()):
            seen += 1
            if number < 300:
                store.append(commit(f"n{number}", event(), event()))
        assert seen >= 300
        assert list(store.read())[seen - 1].number == (1 if seen <= 300 else 2)

    def test_commits_and_their_commands(self, store: Store) -> None:
        store.append(commit("c1", event(), event("order-2"), body='{"a":1}', user_id="ada", metadata="{}"))
        store.append(commit("c2", body=None))
        one, two = store.commits()
        assert (one.id, one.command, one.user_id, one.metadata_json) == ("c1", sent('{"a":1}'), "ada", "{}")
        assert (one.events, two.events) == (tuple(store.read())[:2], tuple(store.read())[2:])
        assert (two.command, two.correlation_id) == (None, "c2")
        assert store.commit("c1") == one
        assert store.commit("c9") is None
        assert store.known(["c1", "c9", *[f"x{n}" for n in range(2000)]]) == {"c1"}
        assert list(store.commits(after=one.events[-1].position)) == [two]
        assert list(store.commits(limit=1)) == [one]
        assert list(store.commits(limit=0)) == []

    def test_ids_that_begin_alike(self, store: Store) -> None:
        for id in ("ab1", "ab", "ab2", "b", "AB1", "a%", "äb"):
            store.append(commit(id))
        assert store.ids_beginning("ab", 10) == ["ab", "ab1", "ab2"]
        assert store.ids_beginning("ab", 2) == ["ab", "ab1"]
        assert store.ids_beginning("a%", 10) == ["a%"], "nothing of it is a pattern"
        assert store.ids_beginning("ä", 10) == ["äb"]
        assert store.ids_beginning("c", 10) == store.ids_beginning("ab", 0) == []

    def test_a_command_whose_payload_is_not_kept(self, store: Store) -> None:
        store.append(Commit("c1", (event(),), sent()._replace(data=None)))
        found = store.commit("c1")
        assert found is not None
        assert found.command == sent()._replace(data=None)

    def test_commits_of_one_correlation(self, store: Store) -> None:
        store.append(commit("root"))
        store.append(commit("other"))
        store.append_many([Append(commit(f"c{n}", correlation_id="root")) for n in range(70)])
        store.append(commit("c-last", correlation_id="root/"))
        assert [c.id for c in store.correlated("root")] == ["root", *[f"c{n}" for n in range(70)]]
        assert [c.id for c in store.correlated("c-last")] == []
        assert [c.id for c in store.correlated("other")] == ["other"]

    def test_many_commits_page_by_page(self, store: Store) -> None:
        store.append_many([Append(commit(f"c{n}", *[event(f"s-{n}")] * (n % 3 + 1))) for n in range(150)])
        found = list(store.commits())
        assert [c.id for c in found] == [f"c{n}" for n in range(150)]
        assert [e for c in found for e in c.events] == list(store.read())

    def test_streams_by_name(self, store: Store) -> None:
        names = ["order-2", "order", "order-1", "order%-3", "orders-1", "order,1-1", "order_x-1", "Größe-1"]
        for number, name in enumerate(names):
            store.append(commit(f"c{number}", event(name), event(name)))
        store.append(commit("later", event("order-1")))
        everything = list(store.streams())
        assert [s.stream for s in everything] == sorted(names)
        assert [s.stream for s in store.streams("order")] == ["order", "order-1", "order-2"]
        assert [s.stream for s in store.streams("order", after="order")] == ["order-1", "order-2"]
        assert [s.stream for s in store.streams("order", after="order-1", limit=5)] == ["order-2"]
        assert [s.stream for s in store.streams(limit=2)] == sorted(names)[:2]
        assert list(store.streams("order%")) == [s for s in everything if s.category == "order%"]
        info = next(s for s in everything if s.stream == "order-1")
        events = list(store.read(Selection(stream="order-1")))
        assert info == ("order-1", "order", 3, events[0].recorded_us, events[-1].recorded_us)

    def test_types_are_counted(self, store: Store) -> None:
        store.append(commit("c1", event(type="B"), event(type="A"), event(type="B")))
        assert store.types() == {"A": 1, "B": 2}
        assert [store.types(before) for before in (0, 1, 2, 3, 9)] == [
            {},
            {},
            {"B": 1},
            {"A": 1, "B": 1},
            store.types(),
        ]

    def test_types_by_name_and_events_by_kind(self, store: Store) -> None:
        assert (store.type_names(), store.kinds()) == (frozenset(), {})
        old, new = event("a-1", type="A"), event("b-1", type="A", schema_version=2)
        store.append(commit("c1", old, new, event("b", type="B"), event("bb-1", type="B")))
        assert store.type_names() == {"A", "B"}
        assert store.kinds() == {("A", 1): 1, ("A", 2): 1, ("B", 1): 2}
        assert store.kinds({"A", "never"}) == {("A", 1): 1, ("A", 2): 1}
        assert store.kinds(categories={"b"}) == {("A", 2): 1, ("B", 1): 1}
        assert store.kinds({"B"}, {"b", "a"}, after=2) == {("B", 1): 1}
        assert store.kinds(after=3) == {("B", 1): 1}
        assert store.kinds(set()) == store.kinds({"A"}, set()) == store.kinds(after=2**70) == {}

    def test_nothing_is_wrong_with_a_new_store(self, store: Store) -> None:
        assert store.findings() == []
        store.check()
        store.append(commit("c1", event(), event("new-1", "New")))
        store.append(commit("c2", event()))
        assert store.findings() == []
        for after in (0, 1, 2, 3, 2**70):  # amid a commit, between two, at the head and beyond
            store.check(after)

    def test_times_never_fall_and_the_position_at_a_time(self, store: Store) -> None:
        for number in range(40):
            store.append(commit(f"c{number}", *[event()] * (number % 3 + 1)))
            time.sleep(0.0005)
        everything = list(store.read())
        times = [e.recorded_us for e in everything]
        assert times == sorted(times)
        for at in {t + d for t in times for d in (-1, 0, 1)}:
            expected = max((e.position for e in everything if e.recorded_us <= at), default=0)
            assert store.position_at(at) == expected

    # ── waiting, closing, describing ──────────────────────────────────────────────────────────

    def test_wait_ends_with_the_time_or_with_an_event(self, store: Store, url: str) -> None:
        began = time.monotonic()
        assert store.wait(0, 0.05) is False
        assert 0.04 <= time.monotonic() - began < 30
        with open_store(url) as other:
            other.append(commit("c1"))
        assert store.wait(0, 0) is True
        assert store.wait(store.head(), 0.01) is False

    def test_waiting_wakes_soon_after_a_commit_of_another_process(self, store: Store, url: str) -> None:
        """At least sometimes: on a busy machine whoever is woken may wait for a processor."""
        assert min(races.wake_up_delays(store, url, 15, threads=self.in_one_process)) < 0.1

    def test_a_closed_store_is_closed(self, store: Store) -> None:
        store.close()
        store.close()
        with pytest.raises(Misuse):
            store.head()

    def test_a_description_is_json(self, store: Store) -> None:
        described = json.loads(json.dumps(store.describe()))
        assert described["kind"]
        assert described["head"] == 0

    def test_a_log_that_is_not_there(self, url: str) -> None:
        with pytest.raises(NotFound) as caught:
            open_store(url)
        assert (caught.value.code, caught.value.exit_code) == ("store-not-found", 3)
        with pytest.raises(NotFound):
            open_store(url, create=True, read_only=True)

    def test_reading_only(self, store: Store, url: str) -> None:
        store.append(commit("c1"))
        with open_store(url, read_only=True) as reader:
            assert len(list(reader.read())) == 1
            with pytest.raises(CqrsError) as caught:
                reader.append(commit("c2"))
            assert caught.value.code == "read-only"
            with pytest.raises(CqrsError), reader.transaction():
                pass
            store.append(commit("c3"))
            assert reader.head() == store.head()

    # ── several processes ─────────────────────────────────────────────────────────────────────

    def test_eight_processes_append_to_one_stream(self, store: Store, url: str) -> None:
        races.check_history(store, races.contend(url, processes=8, appends=40, threads=self.in_one_process))

    def test_a_reader_that_follows_never_skips_and_never_goes_back(self, store: Store, url: str) -> None:
        races.check_follower(store, url, processes=4, appends=120, threads=self.in_one_process)

    def test_processes_that_send_the_same_command_agree_on_one_answer(self, store: Store, url: str) -> None:
        answers = races.repeat(url, processes=6, ids=40, threads=self.in_one_process)
        assert len(list(store.read())) == 40
        assert all(len(set(positions)) == 1 for positions in answers.values())
        assert {id: positions[0] for id, positions in answers.items()} == {
            e.commit_id: e.position for e in store.read()
        }
