"""What a decide leaves of the state that it was given."""

from decimal import Decimal
from uuid import UUID

import pytest
from pydantic import BaseModel

from cqrs_cli import Aggregate, Command, Domain, Event, decide
from cqrs_cli.domain import purity
from cqrs_cli.domain.clauses import Clause
from cqrs_cli.domain.purity import Purity
from cqrs_cli.errors import DomainFailed


class Go(Command):
    item_id: UUID


class Went(Event):
    pass


class Flat(Aggregate, key="item_id"):
    item_id: UUID
    total: Decimal = Decimal(0)
    name: str | None = None
    ignores = (Went,)

    @decide(creates="either")
    def go(self, command: Go) -> Went:
        return Went()


class Line(BaseModel):
    count: int = 0


class Nested(Aggregate, key="nested_id"):
    nested_id: UUID
    lines: list[Line] = []
    tags: set[str] = set()


class Come(Command):
    nested_id: UUID


class Came(Event):
    pass


class Deep(Nested, key="nested_id"):
    ignores = (Came,)

    @decide(creates="either")
    def come(self, command: Come) -> Came:
        return Came()


domain = Domain("things", Flat, Deep)
ID = UUID(int=1)


def of(command: type[Command]) -> tuple[Clause, Purity]:
    aggregate, clause = domain.decider(command)
    return clause, Purity(aggregate)


def test_a_change_of_a_flat_state() -> None:
    clause, watch = of(Go)
    state = Flat(item_id=ID)
    seen = watch.seen(state)
    watch.check(state, seen, clause)
    state.total += 1
    with pytest.raises(DomainFailed, match=r"Flat\.go changed the state"):
        watch.check(state, seen, clause)


@pytest.mark.parametrize("change", ["append", "within", "tags"])
def test_a_change_within_a_state(change: str) -> None:
    clause, watch = of(Come)
    state = Deep(nested_id=ID, lines=[Line()], tags={"a", "b"})
    seen = watch.seen(state)
    watch.check(state, seen, clause)
    match change:
        case "append":
            state.lines.append(Line())
        case "within":
            state.lines[0].count = 7
        case "tags":
            state.tags.add("c")
    with pytest.raises(DomainFailed, match=r"Deep\.come changed the state"):
        watch.check(state, seen, clause)


def test_a_long_state_is_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purity, "SPARED_BYTES", 100)
    _, watch = of(Come)
    state = Deep(nested_id=ID, lines=[Line() for _ in range(30)])
    length = len(state.model_dump_json())
    looks = [watch.seen(state) is not None for _ in range(2 * (length // 100 + 1))]
    assert looks == ([True] + [False] * (length // 100)) * 2
