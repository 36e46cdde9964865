"""The least that FastAPI does: the same requests, checked, and answered from a dictionary, as a program of its own."""

from __future__ import annotations

from uuid import UUID

import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from cqrs_cli.http.serving import listen, url_of

app = FastAPI()
balances: dict[UUID, int] = {}


class Deposit(BaseModel):
    """As the command of the bank."""

    account_id: UUID
    cents: int


class Balance(BaseModel):
    """As the row of the bank."""

    account_id: UUID
    owner: str
    balance: int
    deposits: int


@app.post("/commands/deposit", status_code=201)
async def deposit(body: Deposit) -> Balance:
    """Keep it in memory."""
    balances[body.account_id] = balances.get(body.account_id, 0) + body.cents
    return Balance(account_id=body.account_id, owner="Ada", balance=balances[body.account_id], deposits=1)


@app.get("/queries/balance-of", response_model=Balance)
async def balance_of(account_id: UUID, request: Request) -> Balance | Response:
    """Told, or not if it is known."""
    if request.headers.get("if-none-match") == '"1"':
        return Response(status_code=304, headers={"ETag": '"1"'})
    return Balance(account_id=account_id, owner="Ada", balance=balances.get(account_id, 0), deposits=1)


if __name__ == "__main__":
    door = listen("127.0.0.1", 0)
    print(url_of(door), flush=True)
    config = uvicorn.Config(app, http="httptools", log_config=None, access_log=False, server_header=False, ws="none")
    uvicorn.Server(config).run(sockets=[door])
