"""A client of the orders that needs nothing but Python: `python client.py http://127.0.0.1:8027`.

The token, where one is wanted, is in the variable SHOP_TOKEN.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL, ADA = sys.argv[1], "22222222-2222-4222-8222-222222222222"
ITEM = {"product_id": str(uuid.UUID(int=1)), "product_name": "Pen", "quantity": 2, "unit_price": "1.50"}
WHO = {"Authorization": f"Bearer {os.environ['SHOP_TOKEN']}"} if "SHOP_TOKEN" in os.environ else {}
HOME = {"street": "Kirkegata 1", "city": "Oslo", "postal_code": "0153", "country": "NO"}


def ask(path: str, body: object = None, **headers: str) -> tuple[int, Message, Any]:
    """Status, headers and body; asked again while nobody answers, or the answer is to try again."""
    data = None if body is None else json.dumps(body).encode()
    given = WHO | {"Content-Type": "application/json"} | {name.replace("_", "-"): it for name, it in headers.items()}
    for wait in (0.1, 0.3, 1, 3, 10):
        try:
            with urlopen(Request(URL + path, data, given), timeout=30) as answer:
                return answer.status, answer.headers, json.load(answer)
        except HTTPError as told:
            if told.code != 503:
                return told.code, told.headers, json.loads(told.read() or "null")
        except (OSError, HTTPException):
            pass  # was it done? with the same Idempotency-Key it is done once, however often it is sent
        time.sleep(wait)
    raise SystemExit(f"{URL} does not answer")


def send(command: str, **fields: object) -> Any:
    """What became of a command. Ends the program with what is wrong, if the answer is a problem."""
    status, _, answer = ask(f"/commands/{command}", fields, Idempotency_Key=str(uuid.uuid4()))
    if status >= 400:
        raise SystemExit(f"{command}: {status} {answer}")
    return answer


def follow(last: int) -> Iterator[Any]:
    """Each event after a position, once and in order, for ever: after a break it goes on behind the last one."""
    while True:
        try:
            headers = WHO | {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
            with urlopen(Request(f"{URL}/events", None, headers), timeout=60) as lines:
                for name, _, value in (line.decode().rstrip().partition(": ") for line in lines):
                    if name == "data":
                        event = json.loads(value)
                        yield event
                        last = event["position"]
        except (OSError, HTTPException) as told:
            if isinstance(told, HTTPError) and told.code < 500:  # to ask again changes nothing
                raise SystemExit(f"{told.code}: {told.read().decode()}") from None
            time.sleep(1)


if __name__ == "__main__":
    order = send("create-order", customer_id=ADA, items=[ITEM], shipping_address=HOME)
    print("submitted:", send("submit-order", order_id=order["key"]["order_id"])["status"])
    for event in follow(order["events"][0]["position"] - 1):
        print(event["version"], event["type"])
        if event["type"] == "OrderSubmitted":
            break
    status, headers, rows = ask(query := f"/queries/orders-by-customer?customer_id={ADA}")
    print(status, rows[0]["status"], rows[0]["total_amount"])
    print(ask(query, If_None_Match=headers["ETag"])[0], "nothing new")
