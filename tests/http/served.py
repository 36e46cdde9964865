"""A domain that is served in this process, and a client that asks it as a test asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from cqrs_cli import Domain
from cqrs_cli.http.app import Application, create_app
from cqrs_cli.http.gate import App
from cqrs_cli.http.options import Options


class Served:
    """An application with a loop of its own. app: behind its gate."""

    def __init__(self, app: App, life: Any) -> None:
        self.app = app
        self._life = life
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="served", daemon=True)

    def open(self) -> None:
        """Begin its life. Raises what that raises."""
        self._thread.start()
        self._context = self._life()
        self.run(self._context.__aenter__())
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60)

    def close(self) -> None:
        """End it."""
        self.run(self.client.aclose())
        self.run(self._context.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What a coroutine gives, run in the loop of the application."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def __call__(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Ask."""
        found: httpx.Response = self.run(self.client.request(method, path, **given))
        return found

    def get(self, path: str, **given: Any) -> httpx.Response:
        """Read."""
        return self("GET", path, **given)

    def post(self, path: str, json: Any = None, **given: Any) -> httpx.Response:
        """Send; json: the body, if there is one."""
        return self("POST", path, **(given if json is None else {"json": json} | given))


@contextmanager
def serving(url: str, domain: Domain, options: Options | None = None, **settings: Any) -> Iterator[Served]:
    """The domain, served."""
    app: Application = create_app(url, domain, options, **settings)
    served = Served(app, lambda: app.inner.router.lifespan_context(app.inner))
    served.open()
    try:
        yield served
    finally:
        served.close()
