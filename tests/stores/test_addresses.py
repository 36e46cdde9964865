"""A URL is shown without the password that it holds; a path is shown as it is."""

from pathlib import Path

import pytest

from cqrs_cli.errors import ConfigurationError
from cqrs_cli.stores.addresses import shown, without_secrets
from cqrs_cli.stores.registry import open_store, path_of

URLS = {
    "postgresql://ada:hunter2@db.example:5432/shop": "postgresql://ada:***@db.example:5432/shop",
    "postgresql://ada:hunter2@[::1]/shop?sslmode=require": "postgresql://ada:***@[::1]/shop?sslmode=require",
    "postgresql://ada:hun/ter2@db/shop": "postgresql://ada:***@db/shop",
    "postgresql://ada:h@unter2@db/shop": "postgresql://ada:***@db/shop",
    "postgresql://ada:hun%2Fter2@db/shop": "postgresql://ada:***@db/shop",
    "postgresql://:hunter2@db/shop": "postgresql://:***@db/shop",
    "postgresql://db/shop?user=ada&password=hunter2": "postgresql://db/shop?user=ada&password=***",
    "postgres:host=db password='hunt er2' user=ada": "postgres:host=db password=*** user=ada",
    "host=db password=hunter2 user=ada": "host=db password=*** user=ada",
    "/srv/shop/host = db password = 'hunt er2'": "/srv/shop/host = db password = ***",
    "host=db password=hun:ter2": "host=db password=***",
    "password=hunter2": "password=***",
    "mystore://db/shop?api_key=x&Secret=hunter2#a": "mystore://db/shop?api_key=***&Secret=***#a",
}
AS_THEY_ARE = (
    "shop.db",
    "/var/lib/a:b@c/shop.db",
    "sqlite:///var/a:b@c.db",
    "file:key=x.db",
    "memory:",
    "memory:a",
    "postgresql://ada@db/shop",
    "postgresql://db/shop",
    "a/b:c@d.db",
    "token=x.db",
    "data/user=3/host=b/shop.db",
    "host=db",
)


@pytest.mark.parametrize("url", URLS)
def test_a_password_is_not_shown(url: str) -> None:
    assert shown(url) == URLS[url]
    assert shown(shown(url)) == shown(url)


@pytest.mark.parametrize("url", AS_THEY_ARE)
def test_what_holds_none_is_shown_as_it_is(url: str) -> None:
    assert shown(url) == url
    assert without_secrets(f"about {url}", url) == f"about {url}"


def test_a_text_that_quotes_it_has_it_no_more() -> None:
    url = "postgresql://ada:hun%2Fter2@db/shop?password='other one'"
    text = f"can't connect to {url}: 'hun/ter2' (hun%2Fter2) or other one is wrong"
    assert without_secrets(text, url) == f"can't connect to {shown(url)}: '***' (***) or *** is wrong"
    assert without_secrets("a cat", "postgresql://ada:a@db/x") == "a cat"


@pytest.mark.parametrize(
    "text", ["host=db password=hunter2", "user=ada dbname=shop", "password=hunter2", "host=d password=a:b"]
)
def test_keywords_are_no_path(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        open_store(text, create=True)
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.details}"
    assert list(tmp_path.iterdir()) == []
    assert path_of(text) is None or ":" in text
