"""The OpenAPI document: it is one, it tells what is served, and its schemas take what is taken."""

import json
import re
from typing import Any

import jsonschema
import pytest
from starlette.routing import Route

from cqrs_cli import __version__
from cqrs_cli.http.app import create_app, routes
from cqrs_cli.http.openapi.document import document
from samples.orders import domain as orders_domain
from samples.orders.fulfilment import domain as fulfilment
from samples.retail import domain as retail
from samples.users import domain as users
from tests import bank, office, zoo
from tests.http.test_http_commands import ORDER

DOMAINS = {
    "bank": bank.domain, "office": office.domain, "orders": orders_domain, "fulfilment": fulfilment,
    "retail": retail, "users": users, "zoo": zoo.domain,
}  # fmt: skip


def references(value: Any) -> set[str]:
    return set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(value)))


@pytest.mark.parametrize("name", DOMAINS)
def test_whatever_it_names_is_there(name: str) -> None:
    made = document(DOMAINS[name], __version__)
    assert made["openapi"] == "3.1.0"
    assert references(made) <= made["components"]["schemas"].keys()
    for schema in made["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    ids = [one["operationId"] for path in made["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids))
    answers = [told for path in made["paths"].values() for one in path.values() for told in one["responses"].values()]
    links = [link["operationId"] for told in answers for link in told.get("links", {}).values()]
    assert set(links) <= set(ids)
    for path, methods in made["paths"].items():
        for one in methods.values():
            named = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert all(response["description"] for response in one["responses"].values())


@pytest.mark.parametrize("name", ["bank", "orders"])
def test_it_tells_every_route_and_no_other(name: str, tmp_path: Any) -> None:
    domain = DOMAINS[name]
    face = create_app(str(tmp_path / "none.db"), domain).face
    told = {
        (method.upper(), re.sub(r"^/(commands|queries)/[^/]+$", r"/\1/{name}", path))
        for path, methods in document(domain, "1")["paths"].items()
        for method in methods
    }
    served = {
        (method, one.path.replace(":id", ""))
        for one in routes(face)
        if isinstance(one, Route)
        for method in (one.methods or set()) - {"HEAD"}
    }
    assert told == served - {("GET", "/openapi.json")}


def test_a_command_is_told_with_who_decides_it() -> None:
    told = document(orders_domain, "1")["paths"]["/commands/create-order"]["post"]
    assert told["summary"] == "Open an order; it gets its id here and answers with it."
    assert "Decided by `Order.create" in told["description"]
    assert "opens a stream" in told["description"]


def test_a_query_is_told_with_its_parameters() -> None:
    told = document(orders_domain, "1")["paths"]
    found = {one["name"]: one for one in told["/queries/orders-by-customer"]["get"]["parameters"]}
    assert found["customer_id"]["required"] is True
    assert {"status", "limit", "cursor", "wait", "stale"} <= found.keys()
    assert "cursor" not in {one["name"] for one in told["/queries/order-by-id"]["get"]["parameters"]}


def test_the_schema_of_a_body_takes_what_the_server_takes(orders: Any) -> None:
    made = orders.get("/openapi.json").json()
    schema = made["paths"]["/commands/create-order"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    check = jsonschema.Draft202012Validator({**schema, "components": made["components"]})
    for body in (ORDER, {**ORDER, "items": []}, {**ORDER, "more": 1}, {**ORDER, "items": [{}]}, {}):
        answer = orders.post("/commands/create-order", body)
        assert check.is_valid(body) == (answer.status_code in (201, 200, 400)), (body, answer.text)


def test_what_is_answered_is_as_it_is_told(orders: Any) -> None:
    made = orders.get("/openapi.json").json()

    def check(method: str, answer: Any, told: str) -> None:
        response = made["paths"][told][method]["responses"][str(answer.status_code)]
        media = answer.headers["content-type"].partition(";")[0]
        schema = response["content"][media]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": made["components"]})

    sent = orders.post("/commands/create-order", ORDER)
    check("post", sent, "/commands/create-order")
    check("post", orders.post("/commands/create-order", {}), "/commands/create-order")
    check(
        "get",
        orders.get(f"/queries/orders-by-customer?customer_id={ORDER['customer_id']}"),
        "/queries/orders-by-customer",
    )
    check("get", orders.get("/events"), "/events")
    check("get", orders.get("/events/1"), "/events/{what}")
    check("get", orders.get(sent.headers["location"]), "/aggregates/{stream}")
    check("get", orders.get("/projections"), "/projections")
    check("get", orders.get("/streams?limit=x"), "/streams")


def test_what_opens_leads_to_all_that_takes_its_key() -> None:
    """With the key where the answer has it; what does not open leads to the aggregate alone."""
    paths = document(zoo.domain, "1")["paths"]
    links = paths["/commands/admit"]["post"]["responses"]["201"]["links"]
    taking = {"command-weigh", "command-mark", "command-feed", "command-release", "query-one-animal"}
    assert links.keys() == taking | {"event", "trace", "aggregate", "history", "blame"}
    assert links["command-weigh"]["requestBody"] == {"tier_id": "$response.body#/key/tier_id"}
    assert links["query-one-animal"]["parameters"] == {"query.tier_id": "$response.body#/key/tier_id"}
    assert not paths["/commands/weigh"]["post"]["responses"]["201"]["links"].keys() & taking


def test_parameters_are_told_as_they_are_read() -> None:
    """Models and mappings are JSON, null can't be said, and a tag has to be there."""
    made = document(zoo.domain, "1")
    found = {one["name"]: one for one in made["paths"]["/queries/animals"]["get"]["parameters"]}
    assert {name for name, one in found.items() if "content" in one} == {"diet", "weights"}
    assert "schema" not in found["diet"]
    assert found["since"]["schema"]["format"] == "date-time"
    assert "null" not in json.dumps(found["code"]["schema"])
    assert made["components"]["schemas"]["Admit"]["properties"]["diet"]["required"] == ["kind"]
    assert made["components"]["schemas"]["Weigh"]["properties"]["tier_id"]["minLength"] == 1
