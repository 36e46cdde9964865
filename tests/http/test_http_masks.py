"""What is masked leaves in no record: each route is asked where it would show a secret, by every way that it has."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench, records
from cqrs_cli.errors import Unavailable
from cqrs_cli.stores.contract import Selection
from samples.orders import domain as orders
from tests import bank, office, zoo
from tests.http.served import Served, serving
from tests.http.test_http_commands import ORDER
from tests.http.test_http_operation import ended
from tests.reacting import pay

SECRET = "Geheimrätin Ö"
NDJSON = {"Content-Type": "application/x-ndjson"}
ANIMAL = {"tier_id": SECRET, "名前": SECRET, "größe": "1", "habitat": "海", "diet": {"kind": "plants", "kilos": 1},
          "origin": {"place": "x"}}  # fmt: skip
ROUTES = [
    "/events", "/events/1", "/events/@1", "/events/both", "/streams", "/aggregates/{stream}", "/aggregates/{stream}/history",
    "/aggregates/{stream}/blame", "/aggregates/{stream}/blame?history=名前", "/projections/gehege", "/projections/gehege?at=@1",
    "/queries/animals", "/queries/one-animal?tier_id=Geheimrätin Ö", "/trace/admit", "/trace/{stream}",
]  # fmt: skip


def told(served: Served, path: str) -> str:
    return str(served.get(path.replace("{stream}", stream_of(served))).text)


def stream_of(served: Served) -> str:
    """The stream of the animal, percent-encoded once more for a path."""
    from urllib.parse import quote

    benches = served.app.face.benches  # type: ignore[attr-defined]
    name = served.run(benches.read(lambda bench: next(iter(bench.store.read(Selection(limit=1)))).stream))
    return quote(name, safe="")


def hides(text: str) -> bool:
    """Whether nothing of the secret is there, as it is or as a stream's name or JSON has it."""
    return not any(part in text for part in ("Geheimr", "geheimr", "tin Ö", "tin%20"))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("path", ROUTES)
def test_no_route_shows_what_is_masked(tmp_path: Path, path: str, masked: bool) -> None:
    """The same routes show it where nothing is masked: else nothing would have been looked at."""
    mask = {"名前": "", "tier_id": ""} if masked else {}
    store = str(tmp_path / "cqrs.db")
    with Workbench.open(store, zoo.domain) as bench:
        bench.send(zoo.Admit(**ANIMAL).with_meta(command_id="admit"))  # type: ignore[arg-type]
        both = [zoo.Feed(tier_id=SECRET, meals=[zoo.Meat(of=["x"])])]
        bench.send(both[0].with_meta(command_id="both"))
        bench.project()
    with serving(store, zoo.domain, mask=mask, mask_key=b"k" * 16) as served:
        assert hides(told(served, path)) is masked


@pytest.mark.parametrize("masked", [False, True])
def test_no_answer_to_what_is_sent_shows_it(tmp_path: Path, masked: bool) -> None:
    """Of a command, a batch, an error of either, of a store that fails in a batch."""
    mask = {"名前": "", "tier_id": ""} if masked else {}
    line = json.dumps({"command": "admit", "data": ANIMAL})
    with serving(str(tmp_path / "cqrs.db"), zoo.domain, mask=mask, mask_key=b"k" * 16) as served:
        wrong = {**ANIMAL, "habitat": SECRET}
        answers = [
            served.post("/commands/admit?dry_run=true", ANIMAL),
            served.post("/commands/admit", wrong),
            served.post("/commands", content=json.dumps({"command": "admit", "data": wrong}), headers=NDJSON),
            served.post("/commands", content=line, headers=NDJSON),
            served.post("/commands/admit", ANIMAL),
        ]
        for answer in answers:
            assert hides(answer.text) is masked, answer.text


async def first_frame(served: Any, last: int) -> str:
    """The first event that a follower hears after a position."""
    frames = served.app.face.tail.follow(last, Selection(), None)
    async for frame in frames:
        if b"data:" in frame:
            await frames.aclose()
            return str(frame.decode())
    return ""


@pytest.mark.parametrize("masked", [False, True])
def test_no_follower_hears_it(tmp_path: Path, masked: bool) -> None:
    """From the store, and from what was just written."""
    mask = {"名前": "", "tier_id": ""} if masked else {}
    with serving(str(tmp_path / "cqrs.db"), zoo.domain, mask=mask, mask_key=b"k" * 16) as served:
        coming = asyncio.run_coroutine_threadsafe(first_frame(served, 0), served._loop)
        served.post("/commands/admit", ANIMAL)
        assert hides(coming.result(30)) is masked
        assert hides(served.run(first_frame(served, 0))) is masked


@pytest.mark.parametrize("masked", [False, True])
def test_no_job_shows_it(tmp_path: Path, masked: bool) -> None:
    """A check tells the rows that differ."""
    store = str(tmp_path / "cqrs.db")
    with Workbench.open(store, bank.domain) as bench:
        bench.send(bank.Open(account_id="a", owner=SECRET))
        bench.project()
        kind = bench.domain.rows_of("balance")
        [row] = [tuple(one) for one in bench.store.rows.select(kind.table)]
        place = [column.name for column in kind.table.columns].index("balance")
        with bench.store.transaction() as rows:
            rows.put(kind.table, [(*row[:place], 5, *row[place + 1 :])])
        with bench.store.transaction() as rows:
            owner = [column.name for column in kind.table.columns].index("owner")
            rows.put(kind.table, [(*row[:owner], "eve", *row[owner + 1 :])])
    with serving(store, bank.domain, mask={"owner": ""} if masked else {}, mask_key=b"k" * 16) as served:
        begun = served.post("/projections/balance/check")
        assert hides(json.dumps(ended(served, begun), ensure_ascii=False)) is masked
        followed = served.get(begun.headers["location"], headers={"Accept": "text/event-stream"})
        assert followed.headers["content-type"].startswith("text/event-stream")
        assert hides(followed.text) is masked


@pytest.mark.parametrize("masked", [False, True])
def test_no_dead_letter_shows_it(tmp_path: Path, masked: bool) -> None:
    store = str(tmp_path / "cqrs.db")
    with Workbench.open(store, office.domain) as bench:
        runner = bench.runner()
        runner.drain()
        pay(bench, "boom1", "boom2", items=[SECRET])
        runner.drain()
    with serving(store, office.domain, mask={"items": ""} if masked else {}, mask_key=b"k" * 16) as served:
        listed = served.get("/dead-letters")
        id = listed.json()[0]["id"]
        dropped = served.post(f"/dead-letters/{id}/drop", {"reason": "x"})
        for answer in (listed, dropped, served.get("/dead-letters?dropped=true")):
            assert answer.status_code == 200
            assert hides(answer.text) is masked, answer.text


def test_pages_go_on_where_something_is_masked_and_no_link_shows_it(tmp_path: Path) -> None:
    """A cursor holds the values that it goes on from; so does the name of a stream, and where something was made."""
    store, names = str(tmp_path / "cqrs.db"), [f"{SECRET} {number}" for number in range(3)]
    mask = {"名前": "", "tier_id": ""}
    with serving(store, zoo.domain, mask=mask, mask_key=b"k" * 16) as served:
        for name in names:
            made = served.post("/commands/admit", {**ANIMAL, "tier_id": name, "名前": name})
            assert made.status_code == 201
            assert "location" not in made.headers
        for path in ("/projections/gehege?order=名前&limit=1", "/queries/animals?limit=1", "/streams?limit=1"):
            seen, following = [], path
            while following:
                answer = served.get(following)
                assert answer.status_code == 200, answer.text
                seen += answer.json()
                link = answer.headers.get("link", "")
                following = link.partition(">")[0].removeprefix("<")
                assert "m-" in following or not following
            assert len({json.dumps(one) for one in seen}) == 3, path
        assert served.get("/projections/gehege?cursor=m-0123").json()["code"] == "cursor"


@pytest.mark.parametrize("masked", [False, True])
def test_a_complaint_about_the_very_first_line_does_not_quote_it(tmp_path: Path, masked: bool) -> None:
    """The value is in no log yet, and nothing was sent before."""
    mask = {"名前": "", "tier_id": ""} if masked else {}
    line = json.dumps({"command": "admit", "data": {**ANIMAL, "habitat": SECRET}})
    with serving(str(tmp_path / "cqrs.db"), zoo.domain, mask=mask, mask_key=b"k" * 16) as served:
        assert hides(served.post("/commands", content=line, headers=NDJSON).text) is masked


@pytest.mark.parametrize("masked", [False, True])
def test_no_event_of_several_shows_it(tmp_path: Path, masked: bool) -> None:
    """A command that made several events, by its id."""
    items: Any = ORDER["items"]
    order = {**ORDER, "items": [{**items[0], "product_name": SECRET}]}
    mask = {"product_name": ""} if masked else {}
    with serving(str(tmp_path / "cqrs.db"), orders, mask=mask, mask_key=b"k" * 16) as served:
        served.post("/commands/create-order", order, headers={"Idempotency-Key": "k-1"})
        answer = served.get("/events/k-1")
        assert answer.text.count('"position"') > 1
        assert hides(answer.text) is masked


@pytest.mark.parametrize("masked", [False, True])
def test_a_store_that_fails_within_a_batch_does_not_tell_it(
    tmp_path: Path, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer has begun by then: the last line is the error."""

    def fails(*_: Any, **__: Any) -> Any:
        raise Unavailable(f"the store is gone, and so is {SECRET}", code="busy")

    monkeypatch.setattr(Workbench, "send_batch", fails)
    mask = {"名前": "", "tier_id": ""} if masked else {}
    line = json.dumps({"command": "admit", "data": ANIMAL})
    with serving(str(tmp_path / "cqrs.db"), zoo.domain, mask=mask, mask_key=b"k" * 16) as served:
        answer = served.post("/commands", content=line, headers=NDJSON)
        assert "the store is gone" in answer.text
        assert hides(answer.text) is masked


@pytest.mark.parametrize("masked", [False, True])
def test_no_status_quotes_it(tmp_path: Path, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something stands still, code of the domain has said why, and may have quoted anything."""
    store = str(tmp_path / "cqrs.db")
    with Workbench.open(store, office.domain) as bench:
        runner = bench.runner()
        runner.drain()
        pay(bench, "boom1", items=[SECRET])
        runner.drain()
    for name in ("projection_status", "reaction_status", "delivery"):
        monkeypatch.setattr(records, name, lambda _: {"message": f"can't take {SECRET!r}"})
    with serving(store, office.domain, mask={"items": ""} if masked else {}, mask_key=b"k" * 16) as served:
        id = served.get("/dead-letters").json()[0]["id"]
        for answer in (
            served.get("/projections"), served.get("/reactions"), served.post(f"/dead-letters/{id}/retry"),
        ):  # fmt: skip
            assert "can't take" in answer.text
            assert hides(answer.text) is masked, answer.text
