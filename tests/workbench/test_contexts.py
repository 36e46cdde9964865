"""Two domains on one store that call things the same: nothing of one gets into the other by accident of a name."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cqrs_cli import (
    Aggregate,
    Command,
    Domain,
    Event,
    Policy,
    ProcessManager,
    Projection,
    Recorded,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.errors import Misuse, NeedsRebuild
from cqrs_cli.stores.commits import Commit, NewEvent


class Context(NamedTuple):
    domain: Domain
    register: type[Command]


def context(name: str, shape: str = "text", inline: bool = False, **parts: bool) -> Context:
    """A domain `<name>s` whose event, read model, process and policy are called as in every other."""
    kind: Any = str if shape == "text" else int
    Register = type(f"Register{name.title()}", (Command,), {"__annotations__": {f"{name}_id": str, "customer": kind}})
    Thank = type(f"Thank{name.title()}", (Command,), {"__annotations__": {f"{name}_id": str}})

    class Registered(Event):
        customer: kind  # pyright: ignore[reportInvalidTypeForm]

    class Thanked(Event): ...

    def register(self: Any, command: Any) -> Registered:
        return Registered(customer=command.customer)

    register.__annotations__["command"] = Register
    register.__annotations__["return"] = Registered

    def thank(self: Any, command: Any) -> Thanked:
        return Thanked()

    thank.__annotations__["command"] = Thank
    thank.__annotations__["return"] = Thanked
    members = {"register": decide(creates=True)(register), "thank": decide(thank), "ignores": (Registered, Thanked)}
    Owner = type(name.title(), (Aggregate,), {"__annotations__": {f"{name}_id": str}, **members})

    class Directory(Projection, key="customer", inline=inline):
        customer: kind  # pyright: ignore[reportInvalidTypeForm]
        by: str = ""

        @evolve
        def registered(self, event: Registered) -> None:
            self.by = name

    class Everybody(Projection, key="number"):
        number: int
        customers: int = 0

        @evolve(key=lambda event, recorded: 1)
        def registered(self, event: Registered) -> None:
            self.customers += 1

    def thanks(recorded: Recorded) -> Any:
        return Thank(**{f"{name}_id": recorded.stream.partition("-")[2]})

    class Welcome(Policy):
        @react
        def registered(self, event: Registered, recorded: Recorded) -> Any:
            return thanks(recorded)

    class Flow(ProcessManager, key="customer"):
        customer: str
        seen: int = 0

        @evolve
        def saw(self, event: Registered) -> None:
            self.seen += 1

        @react
        def registered(self, event: Registered, recorded: Recorded) -> Any:
            return thanks(recorded)

    choice: list[Any] = [Directory, Everybody] if not parts else []
    choice += [part for part in (Welcome, Flow, Directory) if parts.get(part.__name__.lower())]
    return Context(Domain(f"{name}s", Owner, *choice), Register)


class All:
    """All rows of a read model, as a query."""

    def __init__(self, rows: type) -> None:
        self._rows = rows

    def run(self, read: Any, /) -> list[Any]:
        return list(read.rows(self._rows))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return str(tmp_path / "s.db")


def sent(url: str, one: Context, id: str, customer: Any) -> None:
    with Workbench.open(url, one.domain) as bench:
        bench.send(one.register(**{next(iter(one.register.model_fields)): id, "customer": customer}))


def test_a_read_model_takes_the_events_of_its_own_domain(url: str) -> None:
    """One with a field for its key, and one with key=; the other's event is not even decoded: it has another shape."""
    buyers, clients = context("buyer", "number"), context("client")
    sent(url, buyers, "1", 17)
    sent(url, clients, "1", "c2")
    with Workbench.open(url, buyers.domain) as bench:
        bench.project()
        assert [(row.customer, row.by) for row in bench.rows("directory")] == [(17, "buyer")]  # type: ignore[attr-defined]
        assert [row.customers for row in bench.rows("everybody")] == [1]  # type: ignore[attr-defined]
        assert bench.check("directory").ok
        assert bench.rebuild()


def test_rows_of_another_domain_are_refused_with_its_name_until_they_are_rebuilt(url: str) -> None:
    buyers, clients = context("buyer"), context("client")
    sent(url, buyers, "1", "c1")
    with Workbench.open(url, buyers.domain) as bench:
        bench.project()
    sent(url, clients, "1", "c2")
    told = r"directory needs a rebuild: it is of the domain 'buyers', and this is 'clients': give one a name="
    with Workbench.open(url, clients.domain) as bench:
        with pytest.raises(NeedsRebuild, match=told):
            bench.project("directory")
        with pytest.raises(NeedsRebuild, match=told):
            bench.check("directory")
        with Workbench.open(url, clients.domain, read_only=True) as stale, pytest.raises(NeedsRebuild, match=told):
            stale.query(All(clients.domain.projections["directory"].cls))
        assert bench.statuses("directory")[0].status == "needs-rebuild"
        bench.rebuild("directory")
        assert [row.customer for row in bench.rows("directory")] == ["c2"]  # type: ignore[attr-defined]
    with Workbench.open(url, buyers.domain) as bench, pytest.raises(NeedsRebuild, match="of the domain 'clients'"):
        bench.project("directory")


def test_inline_rows_of_another_domain_are_refused_by_send(url: str) -> None:
    buyers, clients = context("buyer", inline=True), context("client", inline=True)
    sent(url, buyers, "1", "c1")
    with pytest.raises(NeedsRebuild, match="of the domain 'buyers'"):
        sent(url, clients, "1", "c2")


@pytest.mark.parametrize("part", ["welcome", "flow"])
def test_a_reaction_answers_its_own_domain_and_has_a_place_of_its_own(url: str, part: str) -> None:
    only: dict[str, Any] = {part: True}
    buyers, clients = context("buyer", **only), context("client", **only)
    sent(url, buyers, "1", "c1")
    sent(url, clients, "1", "c2")
    with Workbench.open(url, buyers.domain) as bench:
        report = bench.runner(start=0).drain()
        assert not report.failures
        assert [event.stream for event in bench.store.read() if event.type == "Thanked"] == ["buyer-1"]
    with Workbench.open(url, clients.domain) as bench:
        failures = bench.runner(start=0).drain().failures
        assert isinstance(failures[part], Misuse)
        assert "of the domain 'buyers', and this is 'clients'" in failures[part].message
        assert (failures[part].code == "other-domain") is (part == "welcome"), "a process can be folded anew"


def test_a_part_is_of_the_domain_that_it_was_first_put_into(url: str) -> None:
    buyers = context("buyer")
    shop = Domain("shop", Domain("sales", buyers.domain))
    sent(url, buyers, "1", "c1")
    with Workbench.open(url, buyers.domain) as bench:
        bench.project()
    with Workbench.open(url, shop) as bench:
        bench.project()
        assert [row.customer for row in bench.rows("directory")] == ["c1"]  # type: ignore[attr-defined]


def test_rows_of_a_store_that_knew_no_domains_are_taken(url: str) -> None:
    buyers = context("buyer")
    sent(url, buyers, "1", "c1")
    with Workbench.open(url, buyers.domain) as bench:
        bench.project()
        checkpoint = bench.store.rows.checkpoint("directory")
        assert checkpoint is not None
        old = checkpoint._replace(definition=checkpoint.definition.replace(',"domain":"buyers"', ""))
        assert old != checkpoint
        with bench.store.transaction() as rows:
            rows.move("directory", checkpoint, old)
        bench.store.append(Commit("more", (NewEvent("buyer-2", "Registered", 1, b'{"customer":"c3"}'),)))
        bench.project()
        assert [row.customer for row in bench.rows("directory")] == ["c1", "c3"]  # type: ignore[attr-defined]
