"""The shell and HTTP say the same of everything that is in a store: of each event, stream, read model and query.

Every GET route of the table is walked over orders with their fulfilment, over retail, and over a domain of every kind
of field; and what is sent is answered the same.
"""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from starlette.routing import Route

from cqrs_cli import Command, Workbench
from cqrs_cli.http.app import routes
from cqrs_cli.stores.streams import category_of
from samples import retail
from samples.orders import fulfilment
from tests import zoo
from tests.cli.test_faces_equal import records
from tests.http.served import Served, serving

ADA, PEN, INK = (UUID(int=number) for number in (1, 2, 3))
HOME = {"street": "1 Main", "city": "Zürich", "postal_code": "8001", "country": "CH"}


def item(product: UUID, price: str) -> dict[str, Any]:
    return {"product_id": product, "product_name": "pén", "quantity": 2, "unit_price": Decimal(price)}


def sent(bench: Workbench, name: str, **fields: Any) -> Any:
    """Send a command by its name, with an id that is the same in every run."""
    cls = bench.domain.commands[name]
    command: Command = cls(**fields)
    return bench.send(command.with_meta(command_id=f"{name}-{bench.store.head()}", user_id="ada"))


def fill_orders(bench: Workbench) -> None:
    """An order that is shipped, one for which there is not enough, one that waits."""
    bench.runner(start=0).drain()
    sent(bench, "ReceiveStock", product_id=PEN, quantity=5)
    for product, price in ((PEN, "1.10"), (INK, "12345678.1000"), (PEN, "0")):
        made = sent(bench, "CreateOrder", customer_id=ADA, items=[item(product, price)], shipping_address=HOME)
        order = UUID(made.stream.removeprefix("order-"))
        if price != "0":
            sent(bench, "SubmitOrder", order_id=order)
            sent(bench, "PayOrder", order_id=order)
        bench.runner().drain()
    bench.project()


def fill_retail(bench: Workbench) -> None:
    """A sale, and some of it taken back."""
    line = {"stock_code": "8ü/5", "description": "white\tpen", "quantity": 3, "unit_price": "2.5500"}
    at = "2010-12-01T08:26:00+01:00"
    sent(bench, "PlaceInvoice", invoice_no="№ 1", customer_id="c1", country="CH", placed_at=at, lines=[line])
    back = {**line, "quantity": -1}
    sent(bench, "IssueCreditNote", credit_no="C1", customer_id=None, country="CH", issued_at=at, lines=[back])
    bench.project()


def fill_zoo(bench: Workbench) -> None:
    """Animals of both diets and origins, with values of every kind."""
    plants, meat = {"kind": "plants", "kilos": "1.50"}, {"kind": "Fleisch", "of": ["魚", "🦴"]}
    keeper = {"name": "Ōe", "shift": "08:30", "stands_in": {"name": "B"}}
    common = {"名前": "Lövë 猫", "größe": "1.20", "habitat": "große Wiese"}
    sent(bench, "Admit", tier_id="ключ/1", diet=plants, origin={"born_on": "2020-02-29"}, niveau="↑", **common)
    sent(
        bench,
        "Admit",
        tier_id="a b%",
        diet=meat,
        origin={"place": "x", "depth": 0.1},
        keeper=keeper,
        code="5",
        **common,
    )
    sent(bench, "Weigh", tier_id="a b%", by_keeper={"Ōe": 5, "a.b": 7}, by_day={"2020-01-01": "1E+2"}, at="2020-01-01T10:00+02:00",
         took="PT90M", exact=1e-7)  # fmt: skip
    more = {"a": [1, 2.5, None, {"ß": True}]}
    sent(
        bench,
        "Mark",
        tier_id="a b%",
        marks={"z", "a"},
        notes={"海": ["\u2028", "𝄞"]},
        picture=b"abc",
        more=more,
        level="á",
        steps=5,
    )
    sent(bench, "Feed", tier_id="ключ/1", meals=[meat, plants])
    bench.project()


SHOPS: dict[str, tuple[str, Any, Callable[[Workbench], None]]] = {
    "orders": ("samples.orders.fulfilment:domain", fulfilment.domain, fill_orders),
    "retail": ("samples.retail:domain", retail.domain, fill_retail),
    "zoo": ("tests.zoo:domain", zoo.domain, fill_zoo),
}
QUERIES = {
    "orders-by-customer": [f"--customer-id {ADA}", f"customer_id={ADA}"],
    "order-by-id": [f"--order-id {ADA}", f"order_id={ADA}"],
    "top-products": ["--min-revenue 0", "min_revenue=0"],
    "animals": ["--habitat 海 --code 5", "habitat=海&code=5"],
    "one-animal": ["--tier-id ключ/1", "tier_id=ключ/1"],
}
"""How queries with fields that must be given, or that say something, are asked: as options, as parameters."""
OTHERWISE = {
    "/health/live", "/health/ready", "/metrics", "/openapi.json",  # no command says these
    "/jobs/{id}", "/sql",  # of other tests: a job has an id of its own, and SQL has no domain
}  # fmt: skip
Pair = tuple[list[str], str]


def both_ways(served: Served, domain: Any) -> dict[str, list[Pair]]:
    """For each GET route the words of the shell and the path that ask for the same record."""
    events = served.get("/events?limit=1000").json()
    streams = sorted({event["stream"] for event in events})
    folded = [one for one in streams if category_of(one) in domain.categories]  # a process manager's are not
    half = len(events) // 2
    names = [one.name for one in domain.row_types()]
    asked = {word: QUERIES.get(word, ["", ""]) for word in (kind.replace("_", "-") for kind in queries(domain))}
    found: dict[str, list[Pair]] = {
        "/events": [(["log"], "/events?limit=1000"), (["log", "--reverse", "-n", "3"], "/events?backwards=true&limit=3")],
        "/events/{what}": [(["show", f"@{one['position']}"], f"/events/{one['position']}") for one in events],
        "/streams": [(["streams"], "/streams?limit=1000")],
        "/trace/{what}": [(["trace", one["command_id"]], f"/trace/{quote(one['command_id'], safe='')}") for one in events],
        "/aggregates/{stream}": [(["replay", one], f"/aggregates/{quote(one)}") for one in folded],
        "/aggregates/{stream}/history": [
            (["replay", one, "--steps"], f"/aggregates/{quote(one)}/history?limit=1000") for one in folded
        ],
        "/aggregates/{stream}/blame": [(["blame", one], f"/aggregates/{quote(one)}/blame") for one in folded],
        "/projections": [(["project", "--status"], "/projections")],
        "/projections/{name}": [(["query", one], f"/projections/{one}") for one in names],
        "/queries/{name}": [(["query", word, *said.split()], f"/queries/{word}?{given}") for word, (said, given) in asked.items()],
        "/reactions": [(["run", "--status"], "/reactions")],
        "/dead-letters": [(["run", "--failed"], "/dead-letters"), (["run", "--dropped"], "/dead-letters?dropped=true")],
    }  # fmt: skip
    found["/events"] += [(["log", one], f"/events?stream={quote(one)}&limit=1000") for one in streams]
    found["/aggregates/{stream}"] += [(["replay", f"{one}@1"], f"/aggregates/{quote(one)}?at=1") for one in folded]
    found["/projections/{name}"] += [
        (["query", one.name, "--at", f"@{half}"], f"/projections/{one.name}?at=@{half}")
        for one in domain.projections.values()
    ]
    return found


def queries(domain: Any) -> Iterator[str]:
    """The names of queries in paths."""
    from cqrs_cli.payloads.words import by_word

    yield from by_word(domain.queries.values())


@pytest.fixture(params=SHOPS)
def filled(request: Any, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The shell and a server on one store that has something of everything."""
    app, domain, fill = SHOPS[request.param]
    monkeypatch.setenv("CQRS_APP", app)
    with Workbench.open(str(tmp_path / "cqrs.db"), domain) as bench:
        fill(bench)
    with serving(str(tmp_path / "cqrs.db"), domain) as served:
        yield here, served, domain


@pytest.mark.slow
def test_every_record_of_every_route_is_the_same(filled: Any) -> None:
    shell, served, domain = filled
    table = both_ways(served, domain)
    served_paths = {
        one.path.replace(":id", "")
        for one in routes(served.app.face)
        if isinstance(one, Route) and "GET" in (one.methods or ())
    }
    assert table.keys() | OTHERWISE == served_paths
    compared = dict.fromkeys(table, 0)
    for route, pairs in table.items():
        for words, path in pairs:
            ran = shell(*words, "--jsonl")
            assert ran.code == 0, (words, ran.err)
            assert records(served.get(path)) == ran.out.splitlines(), (words, path)
            compared[route] += len(ran.out.splitlines())
    empty = {route for route, count in compared.items() if not count}
    assert empty <= {"/dead-letters", "/reactions"}, f"nothing was compared: {empty}"


SENT: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "orders": [
        ("receive-stock", {"product_id": str(INK), "quantity": 5}, "committed"),
        ("reserve-stock", {"product_id": str(PEN), "order_id": str(ADA), "quantity": 5000}, "rejected"),
        ("pay-order", {"order_id": str(ADA)}, "not-found"),
        ("submit-order", {"order_id": "x", "more": 1}, "invalid"),
    ],
    "retail": [
        ("place-invoice", {"invoice_no": "2", "customer_id": None, "country": "Ö", "placed_at": "2010-12-01T10:00Z",
                           "lines": [{"stock_code": "a", "description": "b", "quantity": 1, "unit_price": 1.10}]}, "committed"),
        ("place-invoice", {"invoice_no": "3", "customer_id": None, "country": "", "placed_at": "2010-12-01T10:00Z", "lines": []},
         "rejected"),
        ("place-invoice", {"invoice_no": "4", "customer_id": None, "country": "", "placed_at": "2010", "lines": []}, "invalid"),
    ],
    "zoo": [
        ("weigh", {"tier_id": "a b%", "by_keeper": {"ß": 1}, "by_day": {"2021-01-01": 1.50}}, "committed"),
        ("weigh", {"tier_id": "a b%", "by_keeper": {}}, "unchanged"),
        ("feed", {"tier_id": "a b%", "meals": [{"kind": "plants", "kilos": True}, {"kind": "x"}]}, "invalid"),
        ("mark", {"tier_id": "nobody", "more": {"ü": [1.0]}}, "not-found"),
    ],
}  # fmt: skip
UNLIKE = ("key", "hint", "position", "event_id", "recorded_at")
"""What HTTP adds, what each face says in its own words, and what another sending must have another of."""


def bare(record: Any) -> Any:
    """A record without what can't be the same."""
    if isinstance(record, dict):
        return {name: bare(value) for name, value in record.items() if name not in UNLIKE}
    return [bare(one) for one in record] if isinstance(record, list) else record


@pytest.mark.slow
def test_what_is_sent_is_answered_the_same(filled: Any, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each command over HTTP and by the shell, tried, then done, then done again; and all of them as one batch."""
    shell, served, _ = filled
    shop = request.node.callspec.params["filled"]
    for number, (name, body, status) in enumerate(SENT[shop]):
        id, data = f"k-{number}", json.dumps(body, ensure_ascii=False)
        words = ["send", name, "-d", data, "--command-id", id, "--json"]
        headers = {"Idempotency-Key": id, "Content-Type": "application/json"}
        path = f"/commands/{name}"
        tried = served.post(f"{path}?dry_run=true", content=data, headers=headers)
        by_shell = shell(*words, "--dry-run")
        if tried.status_code == 200:
            assert bare(tried.json()) == bare(json.loads(by_shell.out))
        done = served.post(path, content=data, headers=headers)
        again = shell(*words)
        if done.status_code in (200, 201):
            assert done.json()["status"] == status
            assert {**bare(done.json()), "status": ""} == {**bare(json.loads(again.out)), "status": ""}
            assert again.code == 0
        else:
            told, error = done.json(), again.error
            assert (told["code"], told["detail"]) == (error["code"], error["message"])
            assert again.code == {"rejected": 1, "not-found": 3, "invalid": 2}[status]
    lines = "\n".join(
        json.dumps({"command": name, "data": body, "command_id": f"b-{number}"})
        for number, (name, body, _) in enumerate(SENT[shop])
    )
    (tmp_path / "lines.jsonl").write_text(lines)
    batch = served.post("/commands", content=lines, headers={"Content-Type": "application/x-ndjson"}).text.splitlines()
    by_shell = shell("send", "--batch", "lines.jsonl", "--jsonl").out.splitlines()
    assert len(batch) == len(by_shell) == len(SENT[shop])
    for over_http, typed in zip(batch, by_shell, strict=True):
        told, said = bare(json.loads(over_http)), bare(json.loads(typed))
        assert {**told, "status": ""} == {**said, "status": ""} or told["status"] == "unchanged"
