"""A credential is found in a text however it is written there, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from declarative_paas.core.values import Sensitive
from declarative_paas.desired.credentials import holds_credential

PASSWORD = "p/w+Zq8 xY%&7"
URL = Sensitive(f"postgresql://shop_role:{quote(PASSWORD, safe='')}@10.0.0.7:5433/shop_db")
REDIS = Sensitive("redis://:s3cretWordOfRedis@10.0.0.7:6380/0")
TOKEN = Sensitive("https://0123456789abcdef@logs.example.com/1")
WORD = Sensitive("an-api-key-of-a-service")

HOLDING = {
    "the URL itself": URL.reveal(),
    "the password alone": PASSWORD,
    "the password within a word": f"--password={PASSWORD}--",
    "in another URL": f"jdbc:postgresql://10.0.0.7:5433/shop_db?user=shop_role&password={quote(PASSWORD, safe='')}",
    "the user and the server, another password": "postgresql://shop_role:guess@10.0.0.7:5433/shop_db",
    "the user and the server apart": "host=10.0.0.7:5433 user=shop_role",
    "percent-encoded": quote(URL.reveal(), safe=""),
    "percent-encoded twice": quote(quote(URL.reveal(), safe=""), safe=""),
    "with plus for a space": f"next=x&pw={quote(PASSWORD, safe='').replace('%20', '+')}",
    "inside JSON": json.dumps({"primary": {"dsn": [URL.reveal()]}}),
    "escaped inside JSON": json.dumps({"password": PASSWORD}).replace("/", "\\/"),
    "a key of JSON": json.dumps({PASSWORD: 1}),
    "JSON inside JSON": json.dumps({"config": json.dumps({"url": URL.reveal()})}),
    "percent-encoded inside JSON": json.dumps({"url": quote(URL.reveal(), safe="")}),
    "as base64": base64.b64encode(URL.reveal().encode()).decode(),
    "as base64 in a header": "Basic " + base64.urlsafe_b64encode(f"shop_role:{PASSWORD}".encode()).decode(),
}


@pytest.mark.parametrize("text", HOLDING.values(), ids=HOLDING)
def test_a_credential_is_found_in_every_form(text: str) -> None:
    assert holds_credential(text, URL)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "info",
        "shop_role",
        "10.0.0.7:5433",
        "postgresql://another:word@10.0.0.8:5433/shop_db",
        "https://www.example.com/?user=shop_role",
        json.dumps({"host": "10.0.0.7", "role": "shop"}),
        quote(PASSWORD[:6]),
        "{not json",
        "%zz%",
    ],
)
def test_what_tells_neither_password_nor_whose_account_where_is_no_credential(text: str) -> None:
    assert not holds_credential(text, URL)


def test_a_password_without_a_user_is_found() -> None:
    assert holds_credential("s3cretWordOfRedis", REDIS)
    assert not holds_credential("redis://10.0.0.7:6380/0", REDIS)


def test_a_token_in_the_place_of_a_user_is_found() -> None:
    assert holds_credential('{"dsn": "0123456789abcdef"}', TOKEN)
    assert not holds_credential("https://logs.example.com/1", TOKEN)


def test_a_credential_that_is_no_url_is_found_as_a_whole() -> None:
    assert holds_credential("key: an-api-key-of-a-service", WORD)
    assert not holds_credential("an-api-key", WORD)


def test_a_short_password_only_counts_beside_what_it_is_for() -> None:
    short = Sensitive("redis://shop:abc@cache.example:6380/0")
    assert not holds_credential("alphabet: abcdef", short)
    assert holds_credential("abc at cache.example:6380", short)


def test_an_empty_secret_is_in_no_text() -> None:
    assert not holds_credential("anything", Sensitive(""))
