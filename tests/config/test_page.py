"""The `[page]` table: where the page is, and how mistakes in it are told."""

from typing import Any

import pytest

from buildlight.config.settings import check_settings
from buildlight.errors import ConfigError
from buildlight.publish.web.settings import PageSettings

NO_ADDRESS = (
    'page.listen: is not an IP address; "127.0.0.1" is this machine only, '
    '"0.0.0.0" all its networks'
)


def page(table: Any) -> PageSettings | None:
    """Return what a configuration with this ``[page]`` says."""
    return check_settings(
        {
            "page": table,
            "feeds": [{"url": "https://ci.example/cc.xml"}],
            "lamps": [{"driver": "console"}],
        }
    ).page


def test_without_a_table_there_is_no_page() -> None:
    """It is off unless somebody asks for it."""
    document = {"feeds": [{"url": "https://ci.example/cc.xml"}], "lamps": [{"driver": "console"}]}

    assert check_settings(document).page is None


def test_an_empty_table_is_for_this_machine_alone() -> None:
    """Nobody else gets in unless `listen` says so."""
    told = page({})

    assert told == PageSettings("127.0.0.1", 8080, frozenset())
    assert told is not None
    assert told.address == "http://127.0.0.1:8080/"


def test_it_is_where_the_table_says() -> None:
    """Every network, another port, and a name that the DNS server knows."""
    told = page({"listen": "::", "port": 80, "names": ["Lamp.Example.", "lamp"]})

    assert told == PageSettings("::", 80, frozenset({"lamp.example", "lamp"}))
    assert told is not None
    assert told.address == "http://[::]:80/"


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        (True, "page: is not a table; write [page] above its keys"),
        ([], "page: is not a table; write [page] above its keys"),
        ({"on": True}, "page.on: unknown key; known are: listen, port, names, title"),
        ({"listen": "localhost"}, NO_ADDRESS),
        ({"port": 0}, "page.port: should be greater than or equal to 1"),
        ({"port": 65_536}, "page.port: should be less than or equal to 65535"),
        ({"port": "8080"}, "page.port: should be a whole number, for example: port = 8080"),
        (
            {"names": ["good.example", "http://lamp/"]},
            'page.names[1]: is not a host name; write "lamp.example", without http:// and port',
        ),
        ({"title": " "}, "page.title: should have 1 to 100 characters"),
        ({"title": "x" * 101}, "page.title: should have 1 to 100 characters"),
        ({"names": "lamp"}, 'page.names: should be a list, for example: names = ["lamp.example"]'),
    ],
)
def test_a_mistake_is_told_with_its_key(table: Any, mistake: str) -> None:
    """The key, what is wrong, and what to write; never the value."""
    with pytest.raises(ConfigError) as caught:
        page(table)

    assert caught.value.mistakes == (mistake,)


def test_a_title_is_printable() -> None:
    """It is a heading on the page and on the wall."""
    told = page({"title": " Team Checkout\u202e "})

    assert told is not None
    assert told.title == "Team Checkout�"
