"""An application of one's own, with the orders in it: `SHOP_TOKENS='{"ada": "…"}' uvicorn application:app`."""

import hmac
import json
import os
from collections.abc import Mapping

from fastapi import FastAPI
from orders import domain  # type: ignore[import-not-found,unused-ignore]  # pyright: ignore[reportMissingImports]

from cqrs_cli.http import Identity, router

TOKENS: dict[str, str] = json.loads(os.environ["SHOP_TOKENS"])
"""By user. Only the head of the shop may rebuild, retry and drop."""


def who(headers: Mapping[str, str]) -> Identity | None:
    """Who asks; nobody else comes in. The name is the `user_id` of what they send."""
    given = headers.get("authorization", "").removeprefix("Bearer ").encode("latin-1")
    for user, token in TOKENS.items():
        if hmac.compare_digest(given, token.encode()):
            return Identity(user) if user == "head" else Identity(user, may=frozenset({"read", "send"}))
    return None


app = FastAPI(title="Shop")
app.include_router(router("shop.db", domain, authenticate=who, readers=2), prefix="/shop")


@app.get("/")
def front() -> dict[str, str]:
    """What is there beside the orders."""
    return {"orders": "/shop/openapi.json"}
