"""What a store must do for read models: the part of the contract about rows and checkpoints."""

from collections.abc import Callable
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cqrs_cli.errors import Conflict, Misuse, NotUnique
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.operational import SKIPS, STOPS
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint, Column, Order, Table, Where

KINDS = ("text", "integer", "real", "boolean", "decimal", "uuid", "date", "datetime", "json")
WIDE = Table("wide", tuple(Column(kind, kind, nullable=kind != "text") for kind in KINDS), ("text",))
SALES = Table(
    "sales",
    (Column("shop", "text"), Column("day", "integer"), Column("total", "decimal", True), Column("note", "text", True)),
    ("shop", "day"),
)
PEOPLE = Table(
    "people",
    (Column("id", "integer"), Column("mail", "text", True), Column("first", "text"), Column("last", "text")),
    ("id",),
    unique=(("mail",), ("first", "last")),
    indexes=(("last",),),
)


def digits(value: Decimal) -> str:
    """As decimals cross the contract: plain digits, no exponent, no sign of zero."""
    return format(value if value else abs(value), "f")


decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal(text) for text in ("0", "-0.0", "1E+30", "-1E-30", "10", "9.99", "1.0", "1.00", "100", "-9", "-10")]
)
notes = st.none() | st.sampled_from(["", "a", "b", "ä", "%", "_", "0", "10", "9"])
sales_rows = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(-3, 3)),
    st.tuples(st.none() | decimals.map(digits), notes),
    max_size=12,
)


def number(text: Any) -> Any:
    return None if text is None else Decimal(text)


class RowsContract:
    """Mixed into the contract of a store; wants the fixtures `store` and `url`."""

    COUNTS = Table("counts", (Column("id", "text"), Column("n", "integer")), ("id",))

    def test_each_kind_of_column_gives_back_what_it_got(self, store: Store) -> None:
        full = ("k", -(2**63), 0.1, 1, "12345678901234567890.10", "11111111-1111-4111-8111-111111111111", "2026-01-01",
                "2026-01-01T10:00:00.000123Z", '{"a":[1]}')  # fmt: skip
        empty = ("", *[None] * 8)
        with store.transaction() as rows:
            rows.create(WIDE)
            rows.create(WIDE)
            rows.put(WIDE, [full, empty])
        assert list(store.rows.select(WIDE)) == [empty, full]
        assert store.rows.load(WIDE, [("k",), ("gone",)]) == {("k",): full}
        assert store.rows.count(WIDE) == 2
        name = WIDE.columns[0].name
        assert [store.rows.count(WIDE, [Where(name, *test)]) for test in (("=", "k"), (">", "k"), ("!=", "x"))] == [
            1,
            0,
            2,
        ]
        with pytest.raises(Misuse):
            store.rows.count(WIDE, [Where("nosuch", "=", 1)])

    def test_put_replaces_and_delete_removes(self, store: Store) -> None:
        with store.transaction() as rows:
            rows.create(SALES)
            rows.put(SALES, [("a", 1, "1.5", None), ("a", 2, "2", "x"), ("b", 1, "3", "y")])
            rows.put(SALES, iter([("a", 1, "9", "new")]))
            rows.delete(SALES, [("b", 1), ("b", 7)])
            assert rows.load(SALES, [("a", 1), ("b", 1)]) == {("a", 1): ("a", 1, "9", "new")}
        assert list(store.rows.select(SALES)) == [("a", 1, "9", "new"), ("a", 2, "2", "x")]

    def test_many_keys_are_loaded(self, store: Store) -> None:
        with store.transaction() as rows:
            rows.create(SALES)
            rows.put(SALES, [("a", n, str(n), None) for n in range(2500)])
        keys: list[Any] = [("a", n) for n in range(-10, 2600)]
        assert store.rows.load(SALES, keys) == {("a", n): ("a", n, str(n), None) for n in range(2500)}

    def test_a_table_that_is_not_there_has_no_rows(self, store: Store) -> None:
        assert store.rows.count(SALES) == 0
        assert store.rows.load(SALES, [("a", 1)]) == {}
        assert list(store.rows.select(SALES, limit=1)) == []
        assert list(store.rows.select(SALES)) == []

    def test_of_several_tables_the_first_rows_come_together(self, store: Store) -> None:
        with store.transaction() as rows:
            rows.create(SALES)
            rows.create(self.COUNTS)
            rows.put(SALES, [("b", 1, "1", None), ("a", 2, "2", None), ("a", 1, "3", "x")])
            rows.put(self.COUNTS, [("only", 1)])
            assert [len(found) for found in rows.few((SALES, PEOPLE), 9)] == [3, 0]
        sales = [("a", 1, "3", "x"), ("a", 2, "2", None), ("b", 1, "1", None)]
        assert store.rows.few((SALES, self.COUNTS, PEOPLE), 2) == [sales[:2], [("only", 1)], []]
        assert store.rows.few((self.COUNTS, SALES), 9) == [[("only", 1)], sales]
        assert store.rows.few((SALES, SALES), 0) == [[], []]
        assert store.rows.few((), 9) == []
        stop = ("p", 1, "s", "T", "code", "error", 5)
        with store.transaction() as rows:
            rows.put(STOPS, [stop, ("o", *stop[1:])])
            assert rows.few((SKIPS, STOPS), 1) == [[], [("o", *stop[1:])]]
        assert store.rows.few((STOPS, SKIPS), 9) == [[("o", *stop[1:]), stop], []]

    def test_a_plan_is_for_people_and_reads_no_row(self, store: Store) -> None:
        assert isinstance(store.rows.plan(PEOPLE), str)
        with store.transaction() as rows:
            rows.create(PEOPLE)
            rows.put(PEOPLE, [(1, "a@x", "Ada", "Abel")])
        assert isinstance(store.rows.plan(PEOPLE, [Where("id", "=", 1)], [Order("last", True)], ("Abel", 1)), str)
        with pytest.raises(Misuse):
            store.rows.plan(PEOPLE, [Where("nosuch", "=", 1)])

    def test_a_transaction_that_fails_leaves_nothing(self, store: Store) -> None:
        with store.transaction() as rows:
            rows.create(SALES)
            rows.put(SALES, [("a", 1, "1", None)])
        with pytest.raises(ZeroDivisionError), store.transaction() as rows:  # noqa: PT012
            rows.put(SALES, [("a", 1, "2", None)])
            rows.create(self.COUNTS)
            rows.move("sales", None, Checkpoint("sales", 3, "f"))
            raise ZeroDivisionError
        assert list(store.rows.select(SALES)) == [("a", 1, "1", None)]
        assert store.rows.checkpoint("sales") is None

    def test_transactions_do_not_nest_and_rows_end_with_theirs(self, store: Store) -> None:
        with store.transaction() as rows:
            rows.create(SALES)
            with pytest.raises(Misuse), store.transaction():
                pass
            rows.put(SALES, [("a", 1, "1", None)])
        with pytest.raises(Misuse):
            rows.put(SALES, [("a", 2, "1", None)])
        with store.transaction() as later:
            with pytest.raises(Misuse):
                rows.put(SALES, [("a", 3, "1", None)])
            later.put(SALES, [("a", 4, "1", None)])
        assert [row[1] for row in store.rows.select(SALES)] == [1, 4]

    def test_another_client_sees_rows_only_when_they_are_committed(self, store: Store, url: str) -> None:
        with open_store(url, read_only=True) as other:
            with store.transaction() as rows:
                rows.create(SALES)
                rows.put(SALES, [("a", 1, "1", None)])
                assert other.rows.count(SALES) == 0
            assert other.rows.count(SALES) == 1

    def test_several_checkpoints_move_together_or_not_at_all(self, store: Store) -> None:
        first, second, new = (Checkpoint(name, 1, "f") for name in "abc")
        with store.transaction() as rows:
            rows.move_all([(None, first), (None, second)])
        for wrong in ([(first, first._replace(position=2)), (None, second)], [(new, new), (second, second)]):
            with pytest.raises(Conflict), store.transaction() as rows:
                rows.move_all(wrong)
        assert store.rows.checkpoints() == [first, second]
        many = [Checkpoint(f"p{number:04}", number, "") for number in range(450)]
        with store.transaction() as rows:
            rows.move_all([])
            rows.move_all([(first, first._replace(position=9)), *((None, one) for one in many)])
        assert store.rows.checkpoints() == [first._replace(position=9), second, *many]

    def test_checkpoints_are_compared_and_set(self, store: Store) -> None:
        one, two = Checkpoint("sales", 5, "f"), Checkpoint("sales", 9, "g")
        with store.transaction() as rows:
            rows.move("sales", None, one)
        for wrong in (None, Checkpoint("sales", 4, "f"), Checkpoint("sales", 5, "other")):
            with pytest.raises(Conflict), store.transaction() as rows:
                rows.move("sales", wrong, two)
        with store.transaction() as rows:
            rows.move("sales", one, two)
            rows.move("b", None, Checkpoint("b", 0, ""))
        assert store.rows.checkpoints() == [Checkpoint("b", 0, ""), two]
        assert store.rows.checkpoint("sales") == two
        with store.transaction() as rows:
            rows.forget("sales")
        assert store.rows.checkpoint("sales") is None

    def test_a_new_table_takes_the_place_of_the_old_one(self, store: Store) -> None:
        rebuilt = SALES._replace(name="sales_rebuilt")
        with store.transaction() as rows:
            rows.create(SALES)
            rows.put(SALES, [("old", 1, None, None)])
            rows.create(rebuilt)
            rows.put(rebuilt, [("new", 1, None, None)])
            rows.rename(rebuilt, "sales")
        assert list(store.rows.select(SALES)) == [("new", 1, None, None)]
        assert store.rows.count(rebuilt) == 0
        with store.transaction() as rows:
            rows.drop("sales")
            rows.drop("sales")
        assert store.rows.count(SALES) == 0

    def test_several_tables_are_replaced_at_once(self, store: Store) -> None:
        sales, people = SALES._replace(name="sales_rebuilt"), PEOPLE._replace(name="people_rebuilt")
        with store.transaction() as rows:
            for table in (SALES, PEOPLE, sales, people):
                rows.create(table)
            rows.put(sales, [("new", 1, None, None)])
            rows.put(people, [(1, "a", "x", "m")])
            rows.rename_all([(sales, "sales"), (people, "people")])
            rows.rename_all([])
            rows.put(SALES, [("new", 2, None, None)])
        assert [row[:2] for row in store.rows.select(SALES)] == [("new", 1), ("new", 2)]
        assert list(store.rows.select(PEOPLE)) == [(1, "a", "x", "m")]
        assert [store.rows.exists(table) for table in (sales, people)] == [False, False]

    def test_a_table_that_somebody_dropped_is_not_there(self, store: Store, url: str) -> None:
        """Whoever looks where rows stand sees next whether they are there, whatever was so before."""
        sales, counts = Checkpoint("sales", 1, "f"), Checkpoint("counts", 1, "f")
        looks: list[Callable[[], object]] = [lambda: store.rows.checkpoint("sales"), store.rows.checkpoints]
        for look in looks:
            with store.transaction() as rows:
                rows.create(SALES)
                rows.create(self.COUNTS)
                rows.move_all([(rows.checkpoint(one.name), one) for one in (sales, counts)])
            look()
            assert [store.rows.exists(table) for table in (SALES, self.COUNTS, PEOPLE)] == [True, True, False]
            with open_store(url) as other, other.transaction() as theirs:
                theirs.drop("sales")
            look()
            assert [store.rows.exists(table) for table in (SALES, self.COUNTS)] == [False, True]
            with open_store(url) as other, other.transaction() as theirs:
                theirs.forget("counts")
                theirs.drop("counts")
            store.rows.checkpoints()
            assert not store.rows.exists(self.COUNTS)

    @pytest.mark.parametrize(
        "change",
        [
            lambda t: t._replace(columns=t.columns[:-1]),
            lambda t: t._replace(columns=(*t.columns, Column("more", "text"))),
            lambda t: t._replace(columns=(*t.columns[:-1], Column("note", "integer", True))),
            lambda t: t._replace(columns=(*t.columns[:-1], Column("note", "text"))),
            lambda t: t._replace(key=("day", "shop")),
            lambda t: t._replace(columns=t.columns[::-1]),
        ],
        ids=["fewer", "more", "kind", "nullable", "key", "order"],
    )
    def test_a_table_with_other_columns_wants_a_rebuild(self, store: Store, change: Callable[[Table], Table]) -> None:
        with store.transaction() as rows:
            rows.create(SALES)
        with pytest.raises(Misuse) as caught, store.transaction() as rows:
            rows.create(change(SALES))
        assert caught.value.code == "table-changed"

    @pytest.mark.parametrize("row", [(None, 1, "1", None), ("a", "x", "1", None), ("a", 2**63, "1", None), ("a", 1)])
    def test_a_value_that_does_not_fit_is_refused(self, store: Store, row: Any) -> None:
        with pytest.raises(Misuse), store.transaction() as rows:  # noqa: PT012
            rows.create(SALES)
            rows.put(SALES, [row])
        assert store.rows.count(SALES) == 0

    def test_nan_is_refused_not_stored_as_null(self, store: Store) -> None:
        with pytest.raises(Misuse), store.transaction() as rows:  # noqa: PT012
            rows.create(WIDE)
            rows.put(WIDE, [("k", 1, float("nan"), *[None] * 6)])

    def test_names_are_names_whatever_they_hold(self, store: Store) -> None:
        odd = Table('a "b"; DROP TABLE x', (Column("select", "text"), Column('"', "integer", True)), ("select",))
        with store.transaction() as rows:
            rows.create(odd)
            rows.put(odd, [("'); --", 1)])
        assert list(store.rows.select(odd, [Where("select", "=", "'); --")], [Order('"')])) == [("'); --", 1)]

    @pytest.mark.parametrize("name", ["", "CQRS_checkpoints", "Events"])
    def test_names_of_the_store_are_taken(self, store: Store, name: str) -> None:
        with pytest.raises(Misuse), store.transaction() as rows:
            rows.create(self.COUNTS._replace(name=name))

    def test_no_two_rows_share_what_is_unique(self, store: Store) -> None:
        with store.transaction() as rows:
            rows.create(PEOPLE)
            rows.create(PEOPLE)
            rows.put(PEOPLE, [(1, "a", "x", "m"), (2, None, "x", "n"), (3, None, "x", "o")])
            rows.put(PEOPLE, [(1, "b", "x", "m"), (2, "a", "x", "n")])  # the value passes on
            rows.put(PEOPLE, [(2, "a", "x", "n"), (1, "a", "y", "m"), (1, "b", "x", "m")])  # the last row of a key wins
        before = list(store.rows.select(PEOPLE))
        assert before == [(1, "b", "x", "m"), (2, "a", "x", "n"), (3, None, "x", "o")]
        for taken in ([(4, "a", "z", "z")], [(5, "q", "q", "q"), (6, "q", "r", "q")], [(3, "b", "x", "o")]):
            with pytest.raises(NotUnique) as caught, store.transaction() as rows:
                rows.put(PEOPLE, taken)
            assert caught.value.details["columns"] in (["mail"], ["first", "last"])
        with pytest.raises(NotUnique, match="first 'x', last 'n'"), store.transaction() as rows:
            rows.put(PEOPLE, [(9, "w", "x", "n")])
        assert list(store.rows.select(PEOPLE)) == before

    def test_what_is_unique_may_be_the_key(self, store: Store) -> None:
        """In whatever order: a row of the same key is the same row, which is replaced."""
        table = SALES._replace(unique=(("shop", "day"), ("day", "shop"), ("note",)))
        with store.transaction() as rows:
            rows.create(table)
            rows.create(table)
            rows.put(table, [("a", 1, "1", "x"), ("a", 2, "2", None)])
            rows.put(table, [("a", 1, "3", "x"), ("a", 1, "4", "y"), ("b", 1, "5", "x")])
        assert list(store.rows.select(table)) == [("a", 1, "4", "y"), ("a", 2, "2", None), ("b", 1, "5", "x")]
        with pytest.raises(NotUnique) as caught, store.transaction() as rows:
            rows.put(table, [("c", 1, "1", "x")])
        assert caught.value.details["columns"] == ["note"]
        rebuilt = table._replace(name="sales_rebuilt")
        with store.transaction() as rows:
            rows.create(rebuilt)
            rows.put(rebuilt, [("a", 1, "1", "x")])
            rows.rename(rebuilt, "sales")
            rows.put(table, [("a", 1, "2", "x")])
        assert list(store.rows.select(table)) == [("a", 1, "2", "x")]

    def test_a_number_is_one_value_however_it_is_written(self, store: Store) -> None:
        prices = SALES._replace(name="prices", unique=(("total",), ("note", "total")), indexes=(("total",),))
        with store.transaction() as rows:
            rows.create(prices)
            rows.put(
                prices,
                [("a", 1, "1.0", "x"), ("a", 2, None, "x"), ("a", 3, None, "x"), ("a", 4, "1" + "0" * 400, None)],
            )
            rows.put(prices, [("a", 1, "1.00", "x")])  # its own
            rows.put(prices, [("a", 1, "2", "x"), ("b", 1, "1.000", "x")])  # the value passes on
            rows.put(prices, [("a", 5, "9007199254740993", "y"), ("a", 6, "9007199254740992", "y")])  # one float
        before = list(store.rows.select(prices))
        assert len(before) == 7
        for taken in (
            [("c", 1, "2.0", None)],
            [("c", 1, "1" + "0" * 400 + ".0", None)],
            [("c", 1, "3", "q"), ("c", 2, "3.0", "r")],
            [("a", 1, "1.0", "x")],
            [("a", 5, "9007199254740992.0", "z")],
        ):
            with pytest.raises(NotUnique) as caught, store.transaction() as rows:
                rows.put(prices, taken)
            assert caught.value.details == {"table": "prices", "columns": ["total"]}
        assert list(store.rows.select(prices)) == before

    def test_a_number_is_one_value_beside_other_columns(self, store: Store) -> None:
        prices = SALES._replace(name="prices", unique=(("note", "total"),))
        with store.transaction() as rows:
            rows.create(prices)
            rows.put(prices, [("a", 1, "1.0", "x"), ("a", 2, "1.00", "y"), ("a", 3, "1.00", None), ("a", 4, "1", None)])
        with pytest.raises(NotUnique, match=r"note 'x', total '1\.00'"), store.transaction() as rows:
            rows.put(prices, [("b", 1, "1.00", "x")])

    def test_what_is_unique_stays_so_when_the_table_is_replaced(self, store: Store) -> None:
        rebuilt = PEOPLE._replace(name="people_rebuilt")
        for _ in range(2):
            with store.transaction() as rows:
                rows.create(PEOPLE)
                rows.create(rebuilt)
                rows.put(rebuilt, [(1, "a", "x", "m")])
                rows.rename(rebuilt, "people")
        with pytest.raises(NotUnique), store.transaction() as rows:
            rows.put(PEOPLE, [(2, "a", "y", "m")])

    def test_unknown_columns_and_operators_are_refused(self, store: Store) -> None:
        for where, order in (
            ([Where("nope", "=", 1)], []),
            ([Where("day", "like", "x")], []),
            ([Where("day", "<", None)], []),
            ([Where("day", "in", 1)], []),
            ([], [Order("nope")]),
        ):
            with pytest.raises(Misuse):
                list(store.rows.select(SALES, where, order))

    def test_a_number_beyond_all_measure_is_one_among_the_others(self, store: Store) -> None:
        sorted_ = [
            "-1" + "0" * 900,
            "-1",
            "-0." + "0" * 899 + "1",
            "0." + "0" * 899 + "1",
            "1",
            "1" + "0" * 900,
        ]
        fill(store, [("a", n, sorted_[n], None) for n in (3, 0, 5, 2, 4, 1)])
        table = SALES._replace(indexes=(("total",),))
        with store.transaction() as rows:
            rows.index(table)
        assert [row[1] for row in store.rows.select(table, order=[Order("total")])] == [0, 1, 2, 3, 4, 5]
        for n, wanted in enumerate(sorted_):
            assert [row[1] for row in store.rows.select(table, [Where("total", "=", wanted)])] == [n]
            assert [row[1] for row in store.rows.select(table, [Where("total", ">", wanted)])] == list(range(n + 1, 6))

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))  # pyright: ignore[reportArgumentType]
    @given(
        content=sales_rows,
        column=st.sampled_from(["shop", "day", "total", "note"]),
        operator=st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in"]),
        value=st.integers(0, 11),
    )
    def test_where_is_what_python_would_say(
        self, store: Store, content: Any, column: str, operator: str, value: int
    ) -> None:
        rows_ = [(*key, *rest) for key, rest in content.items()]
        fill(store, rows_)
        at = ["shop", "day", "total", "note"].index(column)
        pool = [row[at] for row in rows_] or ["1"]
        wanted = pool[value % len(pool)]
        if wanted is None and operator not in ("=", "!=", "in"):
            operator = "!="
        given_ = tuple(pool[: value % 4]) if operator == "in" else wanted
        convert = number if column == "total" else lambda item: item
        expected = [row for row in rows_ if holds(convert(row[at]), operator, given_, convert)]
        assert sorted(store.rows.select(SALES, [Where(column, operator, given_)]), key=str) == sorted(expected, key=str)

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))  # pyright: ignore[reportArgumentType]
    @given(
        content=sales_rows,
        order=st.lists(
            st.builds(Order, st.sampled_from(["shop", "day", "total", "note"]), st.booleans()),
            max_size=3,
            unique_by=lambda item: item.column,
        ),
        page=st.integers(1, 4),
    )
    def test_pages_are_the_whole_in_a_total_order(
        self, store: Store, content: Any, order: list[Order], page: int
    ) -> None:
        rows_ = [(*key, *rest) for key, rest in content.items()]
        fill(store, rows_)
        names = ["shop", "day", "total", "note"]
        terms = [(names.index(item.column), item.descending) for item in order] + [(0, False), (1, False)]
        expected = sorted(rows_, key=cmp_to_key(lambda a, b: compare(a, b, terms)))
        assert list(store.rows.select(SALES, order=order)) == expected
        paged: list[Any] = []
        after = None
        while found := list(store.rows.select(SALES, order=order, after=after, limit=page)):
            paged += found
            after = tuple(found[-1][at] for at, _ in terms)
        assert paged == expected

    def test_a_long_result_is_one_consistent_state(self, store: Store) -> None:
        with store.transaction() as rows:
            rows.create(self.COUNTS)
            rows.put(self.COUNTS, [(f"{n:06}", 0) for n in range(12_000)])
        seen = []
        for at, row in enumerate(store.rows.select(self.COUNTS)):
            seen.append(row[1])
            if at == 10:
                with store.transaction() as rows:
                    rows.put(self.COUNTS, [(f"{n:06}", 1) for n in range(12_000)])
        assert seen == [0] * 12_000


def fill(store: Store, rows_: list[Any]) -> None:
    with store.transaction() as rows:
        rows.drop("sales")
        rows.create(SALES)
        rows.put(SALES, rows_)


def holds(actual: Any, operator: str, wanted: Any, convert: Callable[[Any], Any]) -> bool:
    if operator == "in":
        return actual in [convert(item) for item in wanted]
    wanted = convert(wanted)
    if operator in ("=", "!="):
        return (actual == wanted) is (operator == "=")
    if actual is None:
        return False
    return bool({"<": actual < wanted, "<=": actual <= wanted, ">": actual > wanted, ">=": actual >= wanted}[operator])


def compare(a: Any, b: Any, terms: list[tuple[int, bool]]) -> int:
    """Nulls come first; decimals are numbers; descending turns it round."""
    for at, descending in terms:
        left, right = (number(a[at]), number(b[at])) if at == 2 else (a[at], b[at])
        if left == right:
            continue
        less = left is None or (right is not None and left < right)
        return -1 if less is not descending else 1
    return 0
