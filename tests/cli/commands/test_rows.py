"""`cqrs query ROWS`: any read model without a query class, its columns and operators checked, its values bound."""

import shlex
import sqlite3
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def scored(members: Any, tmp_path: Path) -> Any:
    """Totals that sort otherwise as texts, and as floats: 9, 10, 100, and two that differ in the twentieth digit."""
    for name, points in (
        ("a", "9"), ("b", "10"), ("c", "100"), ("d", "12345678901234567890.10"), ("e", "12345678901234567890.2"), ("f", "-3.50"),
    ):  # fmt: skip
        members(f"send join --member-id {name} --email {name}@x.org --city C-{name}")
        members(f"send score --member-id {name} --points={points}")
    return members


def names(ran: Any) -> list[str]:
    assert ran.code == 0, ran.err
    return [row["member_id"] for row in ran.json]


def test_decimals_keep_their_digits_and_compare_and_sort_as_numbers(scored: Any) -> None:
    assert names(scored("query standing --order total --json")) == ["f", "a", "b", "c", "d", "e"]
    assert names(scored("query standing --order=-total --json")) == ["e", "d", "c", "b", "a", "f"]
    rows = scored("query standing --where total>=12345678901234567890.1 --json").json
    assert [row["total"] for row in rows] == ["12345678901234567890.10", "12345678901234567890.2"]
    for where, found in {
        "total>9": "bcde", "total>9.0": "bcde", "total>=9.00": "abcde", "total<10": "af", "total<=10.000": "abf", "total=10.0": "b", "total!=100": "abdef",
        "total = 12345678901234567890.100": "d", "total<0": "f", "total in (9.0, 100)": "ac", "total>1e400": "", "total<1e400": "abcdef",
    }.items():  # fmt: skip
        assert "".join(names(scored(f"query standing --where '{where}' --json"))) == found, where


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (["member_id=a"], "a"),
        (["member-id = a"], "a"),
        (["scores>=1", "city!=C-a"], "bcdef"),
        (["city in (C-a, 'C-b', \"C-c\")"], "abc"),
        (["city='C-a'"], "a"),
        (["city is null"], ""),
        (["city is not null"], "abcdef"),
        (["city is NULL"], ""),
        (["city is Not Null"], "abcdef"),
        (["scores<1"], ""),
    ],
)
def test_conditions(scored: Any, where: list[str], found: str) -> None:
    words = " ".join(f"--where {shlex.quote(one)}" for one in where)
    assert "".join(names(scored(f"query standing {words} --order member-id --json"))) == found


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("city = C-a or total >= 100", "acde"),
        ("not city = C-a and not total < 10", "bcde"),
        ("city like 'C-_' and lower(city) in (c-a, c-b)", "ab"),
        ("total * 2 >= 20 and total < 1e5", "bc"),
        ("startswith(city, 'C-a') or member-id = f", "af"),
        ("0 < total < 100 or city is null", "ab"),
    ],
)
def test_what_no_store_selects_by(scored: Any, where: str, found: str) -> None:
    assert "".join(names(scored(f"query standing --where {shlex.quote(where)} --json"))) == found
    words, seen = f"query standing --where {shlex.quote(where)} --limit 1 --json", []
    while True:
        ran = scored(words)
        seen += names(ran)
        if "there is more" not in ran.err:
            break
        words = ran.err.strip().partition("the next page: cqrs ")[2].replace("--app members:domain ", "")
    assert "".join(seen) == found


@pytest.mark.parametrize(
    "where",
    [
        "total>9", "total<=10.0", "total=10", "total!=100", "total in (9, 100.00)", "total=12345678901234567890.1", "scores>=1", "scores!=1",
        "city=C-a", "city!=C-a", "city<C-c", "city>='C-c'", "city in (C-a, X)", "city is null", "city is not null", "member-id=a and total<10",
        "total<-3", "total=-3.5", "city=null", "city!=null", "scores in (1, 2)", "total>1e19", "email='A@x.org'",
    ],
)  # fmt: skip
def test_the_store_and_the_expression_agree(scored: Any, where: str) -> None:
    """What is left to the store, and the same in a form that is not."""
    projected = "directory" if "email" in where else "standing"
    alone = names(scored(f"query {projected} --where {shlex.quote(where)} --json"))
    assert names(scored(f"query {projected} --where {shlex.quote(f'({where}) or ({where})')} --json")) == alone


def test_a_comma_in_quotes_and_a_null(members: Any) -> None:
    members("send join --member-id a --email 'a,b' --city X")
    members("send join --member-id b --email other")
    assert names(members("""query directory --where "email in ('a,b', c)" --json""")) == ["a"]
    assert names(members("query directory --where 'email is not null' --json")) == ["a", "b"]


def test_a_nested_value_is_given_as_json(members: Any) -> None:
    marks = ("    scores: int = 0", "    scores: int = 0\n    marks: list[str] = ['x', 'y']")
    members("send join --member-id a --email a@x.org", marks)
    for where, found in {'marks=["x", "y"]': ["a"], 'marks=["x"]': [], 'marks!=["x"]': ["a"]}.items():
        assert names(members(f"query standing --where {shlex.quote(where)} --json", marks)) == found
    ran = members("query standing --where 'marks=x' --json", marks)
    assert (ran.code, "'x' is compared with ['x', 'y']" in ran.err) == (2, True)


def test_times_without_a_zone_are_utc(orders_app: Any) -> None:
    item = "product_id=22222222-2222-4222-8222-222222222222,product_name=Tea,quantity=1,unit_price=5"
    ran = orders_app(
        f"send create-order --customer-id 11111111-1111-4111-8111-111111111111 --item {item} --shipping-address.street S --shipping-address.city C --shipping-address.postal-code 1 --shipping-address.country FR"
    )
    assert ran.code == 0, ran.err
    (row,) = orders_app("query order-summary --json").json
    naive = row["created_at"].removesuffix("Z").replace("+00:00", "")
    assert len(orders_app(f"query order-summary --where created_at={naive} --json").json) == 1
    assert orders_app(f"query order-summary --where 'created_at>{naive}' --json").json == []
    assert len(orders_app("query order-summary --where created_at>=2020-01-01 --json").json) == 1


def test_a_time_without_a_zone_is_utc_among_nested_values_too(members: Any) -> None:
    at = "    at: datetime | int = datetime(2026, 1, 1, 12, tzinfo=UTC)"
    changes = (("from decimal", "from datetime import UTC, datetime\nfrom decimal"), ("    scores: int = 0", f"    scores: int = 0\n{at}"))  # fmt: skip
    members("send join --member-id a --email a@x.org", *changes)
    for time, found in {"2026-01-01T12:00:00": ["a"], "2026-01-01T12:00:00Z": ["a"], "2026-01-01T11:00:00": []}.items():
        where = shlex.quote(f"at={time}")
        assert names(members(f"query standing --where {where} --json", *changes)) == found


def test_pages(scored: Any) -> None:
    words, seen = "query standing --order=-total --limit 2 --json", []
    for _ in range(4):
        ran = scored(words)
        seen += names(ran)
        if "there is more" not in ran.err:
            break
        words = ran.err.strip().partition("the next page: cqrs ")[2].replace("--app members:domain ", "")
    assert seen == ["e", "d", "c", "b", "a", "f"]


def test_a_cursor_of_another_read_model_is_refused(scored: Any) -> None:
    """Both have the key `member_id`, so that its values alone would do."""
    cursor = shlex.split(scored("query directory --limit 2 --json").err.partition("the next page: ")[2])[-1]
    assert names(scored(f"query directory --limit 2 --cursor {cursor} --json")) == ["c", "d"]
    ran = scored(f"query standing --limit 2 --cursor {cursor} --json")
    assert (ran.code, ran.out) == (2, "")
    assert "this cursor is not one of this query's" in ran.err


def test_read_models_are_listed_and_explained(scored: Any) -> None:
    assert "city-total" in scored("query --help").out
    help_ = scored("query standing --help").out
    assert "total (decimal)" in " ".join(help_.split())
    assert scored("query CityTotal --json").code in (0, 3)
    assert scored("query city_total --json").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--where 'totl>1'", "did you mean 'total'?"),
        ("--where 'total~1'", "this is not understood: total»~«1"),
        ("--where 'total like 1'", "is no text"),
        ("--where 'total>ten'", "total is a decimal column"),
        ("--where 'scores=1.5'", "a valid integer: scores=»1.5«"),
        ("--where 'scores=1.5'", "scores is an integer column"),
        (
            "--where 'scores=9223372036854775808'",
            "9223372036854775808 needs more than 64 bits: scores=»9223372036854775808«",
        ),
        (
            "--where 'scores in (1, 9223372036854775808)'",
            "9223372036854775808 needs more than 64 bits: scores in (1, »9223372036854775808«)",
        ),
        ("--where 'city is empty'", "after `is` stands null or not null"),
        ("--where 'city in ()'", "after `in` stand values"),
        ("--where 'city in (a,,b)'", "this is no condition: city in (a,»,«b)"),
        ("--where '1=1'", "names no field"),
        ("--where 'total); DROP TABLE standing;--'", "this is not understood"),
        ("--where 'lower(city'", "is no condition"),
        ("--where 'total > '", "this condition is not finished: total > »«"),
        ("--where 'city = Ülm total = 1'", "this is no condition: city = Ülm »t«otal = 1"),
        ("--where ' '", "the condition is empty"),
        ("--where 'lowr(city) = x'", "did you mean 'lower'?"),
        ("--where 'total + city > 1'", "is no number"),
        ("--where 'total) or (1=1'", "is no condition"),
        ("--order 'total; DROP TABLE standing'", "has no column"),
        ("--order 'total, (select 1)'", "has no column"),
        ("--order 'cqrs_decimal(total)'", "has no column"),
        ("--order '\"total\"'", "has no column"),
        ("--limit 0", "from 1"),
        ("--cursor bm9uc2Vuc2U", "cursor"),
    ],
)
def test_refusals(scored: Any, tmp_path: Path, words: str, said: str) -> None:
    ran = scored(f"query standing {words} --json")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert len(scored("query standing --json").json) == 6


@pytest.mark.parametrize(
    "value",
    ["' OR '1'='1", "x'; DROP TABLE standing; --", '" OR 1=1 --', "%", "_", "x\x1b[31m", "a) OR (1=1", "é\u202e"],
)
def test_values_are_bound(scored: Any, tmp_path: Path, value: str) -> None:
    scored(f"send join --member-id z --email z@x.org --city {shlex.quote(value)}")
    quote = "'" if '"' in value else '"'
    condition = f"city={quote}{value}{quote}"
    assert names(scored(f"query standing --where {shlex.quote(condition)} --json")) == ["z"]
    assert len(scored("query standing --json").json) == 7


def test_names_are_no_sql(members: Any, tmp_path: Path) -> None:
    """A field may have any name that Python allows."""
    rename = ("    scores: int = 0", "    größe: int = 0\n    select: int = 0\n    scores: int = 0")
    members("send join --member-id a --email a@x.org", rename)
    for where in ("größe=0", "select=0", "select>=0"):
        assert names(members(f"query standing --where '{where}' --order größe,-select --json", rename)) == ["a"]


def test_empty_is_said(scored: Any) -> None:
    ran = scored("query standing --where scores>99")
    assert (ran.code, "no rows" in ran.err) == (0, True)
    assert scored("query standing --where scores>99 --fail-if-empty").code == 5


def test_an_index_is_used(scored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the shell really asks the store: each statement is explained."""
    from cqrs_cli.stores.sqlite.row_reader import SQLiteRowReader, _register

    scored("project")
    plans: list[str] = []

    def explain(real: Any) -> Any:
        def explained(self: Any, table: Any, sql: str, values: Any) -> Any:
            found = real(self, table, sql, values)
            if table.name == "standing":
                _register(self._file.connection)
                rows = self._file.connection.execute("EXPLAIN QUERY PLAN " + sql, values).fetchall()
                plans.append(" / ".join(row[3] for row in rows))
            return found

        return explained

    for asked in ("_query", "_stream"):
        monkeypatch.setattr(SQLiteRowReader, asked, explain(getattr(SQLiteRowReader, asked)))
    for words, index in {
        "query standing --where city=C-a --json": "standing_city",
        "query standing --where 'city>C-a' --order city --json": "standing_city",
        "query standing --where 'total>=100' --where 'total<200' --json": "standing_total",
        "query standing --where 'total=100' --json": "standing_total",
        "query best --least 100 --json": "standing_total",
        "query standing --where member_id=a --json": "PRIMARY KEY",
    }.items():
        plans.clear()
        assert scored(words).code == 0
        assert any("SEARCH standing" in plan and index in plan for plan in plans), (words, plans)


def test_a_view_shows_the_rows_to_other_tools(scored: Any, tmp_path: Path) -> None:
    scored("project")
    scored("project standing --rebuild")
    connection = sqlite3.connect(tmp_path / "cqrs.db")
    assert connection.execute("SELECT member_id, total FROM standing_view WHERE member_id = 'd'").fetchall() == [
        ("d", "12345678901234567890.10")
    ]
    with pytest.raises(sqlite3.OperationalError, match="because it is a view"):
        connection.execute("UPDATE standing_view SET total = '0'")
    connection.close()
