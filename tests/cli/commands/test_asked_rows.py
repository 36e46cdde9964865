"""What is asked of the rows of a table, in `query` and `project` alike: columns, how many, a sum, the different values."""

import shlex
import sys
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from cqrs_cli.cli.printing.rows import different_values, total_of, zero_of
from cqrs_cli.errors import Misuse

WEIGHTS = ("1.50", "12345678901234567890.10", "1.5", "0.05", "12345678901234567890.10")
TOTAL = "24691357802469135783.25"
ROWS = ("query parcels", "query all", "query heaviest", "project parcels")
CHOOSING = ("query parcels", "project parcels", "project parcels --at @9")


@pytest.fixture
def weighed(parcels: Any, tmp_path: Path) -> Any:
    for number, weight in enumerate(WEIGHTS, 1):
        assert parcels(f"send register --parcel-id A{number} --weight {weight}").code == 0
    return parcels


@pytest.mark.parametrize("rows", [*ROWS, "project parcels --at @5", "project parcels --rebuild -q"])
def test_what_rows_come_to(weighed: Any, rows: str) -> None:
    assert weighed(f"{rows} --count --json").json == {"count": 5}
    assert weighed(f"{rows} --sum weight --json").json == {"sum": TOTAL}
    assert weighed(f"{rows} --distinct weight --jsonl").lines == [{"weight": w} for w in ("0.05", "1.50", WEIGHTS[1])]
    assert weighed(f"{rows} --count").out == "5\n"
    assert weighed(f"{rows} --sum weight").out == f"{TOTAL}\n"
    assert weighed(f"{rows} --sum weight --csv").out == f"sum\n{TOTAL}\n"
    assert weighed(f"{rows} --distinct parcel-id --csv").out.split() == ["parcel_id", "A1", "A2", "A3", "A4", "A5"]


@pytest.mark.parametrize("rows", ROWS)
def test_only_these_columns_in_this_order(weighed: Any, rows: str) -> None:
    first = "A2" if "heaviest" in rows else "A1"
    assert weighed(f"{rows} --columns weight,parcel-id --csv").out.splitlines()[0] == "weight,parcel_id"
    lines = weighed(f"{rows} --columns parcel_id --csv").out.splitlines()
    assert (lines[:2], len(lines)) == (["parcel_id", first], 6)
    table = weighed(f"{rows} --columns weight").out
    assert (WEIGHTS[1] in table, "A1" in table) == (True, False)
    found = weighed(f"{rows} --columns weight,weight --json").json
    assert (found["rows"] if isinstance(found, dict) else found)[0] == {
        "weight": "1.50" if first == "A1" else WEIGHTS[1]
    }


@pytest.mark.parametrize("rows", CHOOSING)
def test_conditions_order_and_limit(weighed: Any, rows: str) -> None:
    def ids(words: str) -> list[str]:
        ran = weighed(f"{rows} {words} --columns parcel_id --csv")
        assert ran.code == 0, ran.err
        return list(ran.out.split()[1:])

    assert ids("--where weight=1.5") == ["A1", "A3"]
    assert ids("--where 'weight * 2 = 3 or parcel-id = A4'") == ["A1", "A3", "A4"]
    assert ids("--where 'weight<2' --where 'parcel_id!=A1' --order=-weight,parcel-id") == ["A3", "A4"]
    assert ids("--order weight --limit 2") == ["A4", "A1"]
    assert ids("--where 'weight + 0 > 1' --order=-weight --limit 1") == ["A2"]
    assert weighed(f"{rows} --where 'weight<2' --count").out == "3\n"
    assert weighed(f"{rows} --where 'weight + 0 < 2' --sum weight").out == "3.05\n"
    ran = weighed(f"{rows} --where 'weight>1e30' --sum weight --json")
    assert (ran.code, ran.json) == (0, {"sum": "0"})
    assert "more" in weighed(f"{rows} --limit 2").err
    assert weighed(f"{rows} --limit 5").err == ""
    assert weighed(f"{rows} --limit 2 -q").err == ""


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--columns wieght", "--columns: there is no column 'wieght'\nhint: did you mean 'weight'?"),
        ("--columns ''", "--columns: there is no column ''\nhint: there is parcel_id, weight"),
        ("--columns weight,", "there is no column ''"),
        ("--sum wieght", "--sum: there is no column 'wieght'\nhint: did you mean 'weight'?"),
        ("--distinct wieght", "--distinct: there is no column 'wieght'\nhint: did you mean 'weight'?"),
        ("--sum parcel_id", "--sum: parcel_id holds no numbers\nhint: numbers are in weight"),
        ("--sum weight,weight", "there is no column 'weight,weight'"),
        ("--count --sum weight", "--count and --sum are two different things"),
        ("--sum weight --distinct weight", "--sum and --distinct are two different things"),
        ("--count --limit 1", "--count is about all rows that match, so --limit means nothing"),
        ("--distinct weight --columns weight", "so --columns means nothing"),
    ],
)
def test_what_means_nothing_or_is_not_there(weighed: Any, rows: str, words: str, said: str) -> None:
    ran = weighed(f"{rows} {words}")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("query parcels --count --page --json", "--count and --page are two different things"),
        ("query parcels --sum weight --cursor x", "so --cursor means nothing"),
        ("query parcels --count --order weight", "so --order means nothing"),
        ("project --where weight=1", "rows are chosen of one projection"),
        ("project --count", "rows are chosen of one projection"),
        ("project parcels --status --where weight=1", "--status prints no rows"),
        ("project parcels --check --limit 1", "--check prints no rows"),
        ("project parcels --rebuild --dry-run --count", "--dry-run prints no rows"),
        ("project parcels --where weigth=1", "did you mean 'weight'?"),
        ("project parcels --order weigth", "did you mean"),
        ("project parcels --limit 0", "--limit: expected a number from 1"),
        ("project parcels --page", "no such option: --page"),
    ],
)
def test_combinations_that_can_not_be(weighed: Any, words: str, said: str) -> None:
    ran = weighed(words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_one_row_or_none(weighed: Any) -> None:
    assert weighed("query one --parcel-id A2 --columns weight --json").json == {"weight": WEIGHTS[1]}
    assert weighed("query one --parcel-id A2 --count --json").json == {"count": 1}
    assert weighed("query one --parcel-id A2 --sum weight --json").json == {"sum": WEIGHTS[1]}
    assert weighed("query one --parcel-id X --count --json").json == {"count": 0}
    assert weighed("query one --parcel-id X --count --fail-if-empty").code == 5
    assert weighed("query parcels --where weight>1e40 --distinct weight --fail-if-empty").code == 5


def test_a_parameter_of_such_a_name_keeps_its_own(weighed: Any, tmp_path: Path) -> None:
    text = (tmp_path / "parcels_domain.py").read_text()
    (tmp_path / "parcels_domain.py").write_text(text.replace("    limit: Decimal = Decimal(0)", "    count: int = 0"))
    sys.modules.pop("parcels_domain")
    assert weighed("query heaviest --field.count 3 --count --json").json == {"count": 5}


# ── sums and values ───────────────────────────────────────────────────────────────────────────

NUMBERS = st.decimals("-1e30", "1e30", allow_nan=False, places=10) | st.integers()


@given(st.lists(NUMBERS | st.none(), max_size=20))
def test_a_sum_is_exact(values: list[Any]) -> None:
    exact = sum((Fraction(value) for value in values if value is not None), Fraction(0))
    assert Fraction(total_of(values, Decimal(0))) == exact


class Holding(BaseModel):
    whole: int = 0
    many: int | None = None
    exact: Decimal = Decimal(0)
    near: float = 0.0
    flag: bool = False
    text: str = ""
    any: Any = None


KINDS = {name: field.annotation for name, field in Holding.model_fields.items()}


def test_the_sum_of_no_rows_has_the_type_of_the_column() -> None:
    for name, zero in {"whole": 0, "many": 0, "exact": Decimal(0), "near": 0.0, "any": 0}.items():
        found = total_of([], zero_of(name, KINDS))
        assert (found, type(found)) == (zero, type(zero)), name
    assert total_of([0.1] * 10, 0.0) == 1.0
    assert total_of([2**63 - 1, 2**63 - 1], 0) == 2**64 - 2
    for name in ("flag", "text"):
        with pytest.raises(Misuse, match=f"{name} holds no numbers"):
            zero_of(name, KINDS)


@pytest.mark.parametrize("value", ["5", True, [1], {"a": 1}])
def test_what_is_no_number_is_told(value: Any) -> None:
    with pytest.raises(Misuse, match="is no number"):
        total_of([1, value], 0)


def test_a_sum_that_can_not_be_exact_is_refused() -> None:
    with pytest.raises(Misuse, match="too many digits"):
        total_of([Decimal("1e2000"), Decimal("1e-2000")], Decimal(0))


class Size(Enum):
    SMALL = 1
    LARGE = 2


@pytest.mark.parametrize(
    ("values", "different"),
    [
        ([3, 1, None, 3], [None, 1, 3]),
        ([Decimal("1.0"), Decimal("1.00"), Decimal("-2")], [Decimal("-2"), Decimal("1.0")]),
        ([Size.LARGE, Size.SMALL, Size.LARGE], [Size.SMALL, Size.LARGE]),
        ([["b"], ["a"], ["b"]], [["a"], ["b"]]),
        ([1, "a", None], [None, "a", 1]),
        ([], []),
    ],
)
def test_the_different_values(values: list[Any], different: list[Any]) -> None:
    found = different_values(values)
    assert found == different or sorted(map(str, found)) == sorted(map(str, different))


def test_no_value_is_quoted_as_it_comes(weighed: Any) -> None:
    ran = weighed(f"query parcels --columns {shlex.quote(chr(27) + '[31m')}")
    assert (ran.code, "\x1b" in ran.err) == (2, False)
