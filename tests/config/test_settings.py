"""The configuration: what may be written, what it means, and how mistakes are told."""

import copy
import datetime as dt
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from buildlight.config.settings import check_settings, lamp_from_keys, load_lamps, load_settings
from buildlight.daemon.settings import Settings
from buildlight.errors import ConfigError
from buildlight.feeds.settings import FeedSettings, warnings_of
from buildlight.lamps.settings import LampSettings
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import RHYTHMS, SLOW_BLINK, Channel, Pattern
from buildlight.projects.project import BuildStatus
from buildlight.projects.signal import RANKS
from buildlight.system.paths import find_file

RED, AMBER, GREEN = Channel.RED, Channel.AMBER, Channel.GREEN
URL = "https://ci.example/cc.xml"
SMALL = f"""
[[feeds]]
url = "{URL}"

[[lamps]]
driver = "console"
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of whoever runs the tests gets into them."""
    for name in [name for name in os.environ if name.upper().startswith("BUILDLIGHT_")]:
        monkeypatch.delenv(name)


def a_feed(**keys: object) -> dict[str, object]:
    """Return a ``[[feeds]]`` table."""
    return {"url": URL, **keys}


def a_lamp(**keys: object) -> dict[str, object]:
    """Return a ``[[lamps]]`` table: LEDs in three colours, unless *keys* say otherwise."""
    table = {"driver": "gpio", "pins": {"red": 17, "amber": 27, "green": 22}}
    return {**table, **keys}


def a_tower(port: str, **keys: object) -> dict[str, object]:
    """Return the table of a tower on *port*."""
    return {"driver": "serial", "protocol": "adafruit-tower", "port": port, **keys}


def a_document(**keys: object) -> dict[str, object]:
    """Return a configuration with a feed and a lamp, unless *keys* say otherwise."""
    return {"feeds": [a_feed()], "lamps": [a_lamp()], **keys}


def the_feed(**keys: object) -> FeedSettings:
    """Return the only feed of a configuration, made of *keys*."""
    return check_settings(a_document(feeds=[a_feed(**keys)])).feeds[0]


def the_lamp(**keys: object) -> LampSettings:
    """Return the only lamp of a configuration, made of *keys*."""
    return check_settings(a_document(lamps=[a_lamp(**keys)])).lamps[0]


def mistakes_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is wrong with *document*."""
    with pytest.raises(ConfigError) as caught:
        check_settings(document)
    return caught.value.mistakes


def the_mistake(**keys: object) -> str:
    """Return the only mistake of a configuration with *keys*."""
    (mistake,) = mistakes_of(a_document(**keys))
    return mistake


def mistake_of_file(file: Path) -> str:
    """Return the only thing that is wrong with *file*."""
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    (mistake,) = caught.value.mistakes
    return mistake


# What a good configuration means.


def test_the_smallest_configuration_is_a_feed_and_a_lamp(tmp_path: Path) -> None:
    """Five lines are enough."""
    file = tmp_path / "buildlight.toml"
    file.write_text(SMALL, encoding="utf-8")

    settings = load_settings(file)

    (feed,), (lamp,) = settings.feeds, settings.lamps
    assert (feed.name, feed.options.shown) == ("ci.example", URL)
    assert (feed.interval, feed.building_interval, feed.rules.max_failures) == (30, 5, 3)
    assert feed.rules.max_age == 110
    assert (lamp.name, lamp.driver) == ("lamp", "console")
    assert lamp.feeds == {"ci.example"}


def test_the_example_of_the_readme_is_good(tmp_path: Path) -> None:
    """What a newcomer copies works."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```toml\n(.*?)```", readme, re.DOTALL)
    assert found
    file = tmp_path / "buildlight.toml"
    file.write_text(found[1], encoding="utf-8")

    settings = load_settings(file)

    assert [feed.name for feed in settings.feeds] == ["web"]
    assert settings.lamps[0].options.claims == {"GPIO17", "GPIO27", "GPIO22"}


@pytest.mark.parametrize(
    ("url", "name", "interval"),
    [
        ("https://github.com/acme/shop", "acme/shop", 120.0),
        ("https://gitlab.com/acme/tools/shop", "acme/tools/shop", 30.0),
        ("https://github.com/acme/shop/raw/main/cc.xml", "github.com", 30.0),
    ],
)
def test_the_address_of_a_forge_names_its_kind(url: str, name: str, interval: float) -> None:
    """A public repository needs nothing but its address; without a token it is polled seldom."""
    (feed,) = check_settings(a_document(feeds=[{"url": url}])).feeds

    assert (feed.name, feed.interval) == (name, interval)


def test_an_interval_that_a_server_forbids_is_raised_and_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of all feeds together, and only if somebody wrote it."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_GITHUB", "ghp_0123456789abcdef0123456789abcdef")
    auth = {"kind": "bearer", "secret": "github"}
    github = {"kind": "github", "repos": ["acme/shop", "acme/web"], "auth": auth}
    asked = check_settings({**a_document(feeds=[github]), "building_interval": 5.0})
    silent = check_settings(a_document(feeds=[github]))

    assert [feed.building_interval for feed in (*asked.feeds, *silent.feeds)] == [10.0] * 4
    assert [*warnings_of(silent.feeds)] == []
    told = "building_interval = 5 is raised to 10 s, for the server's rate limit"
    assert [*warnings_of(asked.feeds)] == [("acme/shop, acme/web", told)]


def test_feeds_of_one_server_are_numbered() -> None:
    """Two nameless feeds of one host can be told apart."""
    settings = check_settings(a_document(feeds=[a_feed(), a_feed(), a_feed(name="web")]))

    assert [feed.name for feed in settings.feeds] == ["ci.example", "ci.example 2", "web"]


def test_nameless_lamps_are_numbered() -> None:
    """One lamp is the lamp; of several, each has its number."""
    lamps = [a_lamp(), a_tower("/dev/a"), a_tower("/dev/b", name="corner")]

    settings = check_settings(a_document(lamps=lamps))

    assert [lamp.name for lamp in settings.lamps] == ["lamp 1", "lamp 2", "corner"]


def test_a_lamp_watches_all_feeds_unless_it_names_some() -> None:
    """A lamp for everything, and one for the web."""
    feeds = [a_feed(), a_feed(name="web")]
    lamps = [a_lamp(), a_tower("/dev/a", feeds=["web"])]

    settings = check_settings(a_document(feeds=feeds, lamps=lamps))

    assert [lamp.feeds for lamp in settings.lamps] == [{"ci.example", "web"}, {"web"}]


def test_names_that_count_are_kept_for_feed_and_lamp() -> None:
    """Globs and regular expressions arrive where they are used, plain names are required."""
    feed = the_feed(include=["shop", "web-*"], exclude=["re:nightly$"])
    lamp = the_lamp(include=["shop"])

    assert feed.selection.of(["shop", "web-1", "web-nightly", "other"]) == {"shop", "web-1"}
    assert feed.rules.required == {"shop"}
    assert lamp.selection.of(["shop", "web-1"]) == {"shop"}


def test_words_are_added_to_those_that_every_feed_knows() -> None:
    """A word of one server's own, in whatever case."""
    feed = the_feed(words={"Flaky ": "passing", "dead": "broken", "SKIPPED": "keep"})

    words = feed.rules.words
    assert [words["flaky"], words["dead"]] == [BuildStatus.SUCCESS, BuildStatus.FAILURE]
    assert words["skipped"] is BuildStatus.UNKNOWN
    assert words["success"] is BuildStatus.SUCCESS


def test_the_top_level_reaches_every_feed() -> None:
    """An interval is for all feeds, and says how old their news may get."""
    document = a_document(interval=60, building_interval=5.5, max_failures=2)

    feed = check_settings(document).feeds[0]

    assert (feed.interval, feed.building_interval, feed.rules.max_failures) == (60, 5.5, 2)
    assert feed.rules.max_age == 200


# How signals look on lights of all kinds.


def test_every_signal_has_a_pattern_on_every_light() -> None:
    """No light and no preset leaves a signal without something to be seen."""
    lights: list[dict[str, Any]] = [
        {"pins": {"red": 1}},
        {"pins": {"blue": 1}},
        {"pins": {"red": 1, "green": 2}},
        {"pins": {"red": 1, "amber": 2, "green": 3, "buzzer": 4}},
    ]

    for light in lights:
        for preset in ({}, {"preset": "rhythm"}):
            patterns = the_lamp(**light, **preset).patterns

            assert set(patterns) == set(RANKS.values())
            assert all(pattern.strokes for pattern in patterns.values())


def test_a_light_of_one_colour_tells_signals_by_rhythm() -> None:
    """A single LED looks different for red, green and nobody knows."""
    patterns = the_lamp(pins={"green": 17}).patterns

    looks = {signal: patterns[signal].strokes for signal in ("broken", "passing", "stale", "none")}
    assert len(set(looks.values())) == len(looks)
    assert {stroke.channel for strokes in looks.values() for stroke in strokes} == {GREEN}


def test_a_buzzer_is_no_second_colour() -> None:
    """An LED with a buzzer is still a single LED."""
    patterns = the_lamp(pins={"red": 17, "buzzer": 4}).patterns

    assert patterns["broken"].strokes[0].rhythm == RHYTHMS["blink"]
    assert {stroke.channel for each in patterns.values() for stroke in each.strokes} == {RED}


def test_a_light_without_amber_shows_red_and_green_for_it() -> None:
    """Two LEDs can say that nobody knows."""
    patterns = the_lamp(pins={"red": 17, "green": 22}).patterns

    assert {stroke.channel for stroke in patterns["stale"].strokes} == {RED, GREEN}
    assert {stroke.channel for stroke in patterns["broken"].strokes} == {RED}


def test_the_rhythm_preset_may_be_chosen_for_three_colours() -> None:
    """For colour-blind eyes."""
    patterns = the_lamp(preset="rhythm").patterns

    assert patterns["broken"].strokes == parse_pattern("red blink").strokes


def test_one_colour_cannot_do_with_colours_alone() -> None:
    """A single LED that is lit for red and for green alike would lie."""
    document = a_document(lamps=[{"driver": "gpio", "pins": {"red": 17}, "preset": "colours"}])

    with pytest.raises(ConfigError) as caught:
        check_settings(document)

    assert caught.value.mistakes == (
        'lamps[0].preset: one colour looks the same for all signals; use "rhythm"',
    )


def test_own_patterns_go_over_the_preset() -> None:
    """One signal is replaced, all others stay."""
    patterns = the_lamp(preset="rhythm", patterns={"broken": "red, amber"}).patterns

    assert patterns["broken"] == parse_pattern("red, amber")
    assert patterns["stale"].text == "amber double-blink"
    assert patterns["broken-building"].text == "red quick-blink"


def test_a_signal_may_be_off() -> None:
    """Somebody wants a dark lamp while nothing was ever built."""
    patterns = the_lamp(patterns={"none": "off"}).patterns

    assert patterns["none"] == Pattern("off")


def test_a_pulse_blinks_on_pins_and_breathes_on_a_terminal() -> None:
    """Pins are on or off."""
    pins = the_lamp().patterns["passing-building"]
    terminal = lamp_from_keys("console", {})

    assert pins.strokes[0].rhythm == SLOW_BLINK
    assert terminal.patterns["passing-building"].strokes[0].rhythm == RHYTHMS["pulse"]


# Problems: where they are, and what to do.


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ({"intervall": 30}, "intervall: unknown key; did you mean `interval`?"),
        ({"colour": 3}, "colour: unknown key; known are: interval, building_interval, "),
        ({"feeds": []}, "feeds: none found; add a [[feeds]] table"),
        ({"lamps": []}, "lamps: none found; add a [[lamps]] table"),
        ({"feeds": {"url": URL}}, "feeds: is not a list of tables; write [[feeds]] above each"),
        ({"feeds": 5}, "feeds: is not a list of tables"),
        ({"lamps": ["gpio"]}, "lamps: is not a list of tables; write [[lamps]] above each"),
        ({"interval": 0}, "interval: should be greater than 0"),
        ({"interval": -1}, "interval: should be greater than 0"),
        ({"interval": float("nan")}, "interval: should be"),
        ({"interval": float("inf")}, "interval: should be"),
        ({"interval": "soon"}, "interval: should be a number, for example: interval = 30"),
        ({"interval": dt.date(2026, 11, 20)}, "interval: should be a number"),
        ({"interval": 10**400}, "interval: should be"),
        ({"building_interval": 0}, "building_interval: should be greater than 0"),
        ({"max_failures": 0}, "max_failures: should be greater than or equal to 1"),
        ({"max_failures": 2.5}, "max_failures: should be a whole number"),
    ],
)
def test_a_mistake_at_the_top(keys: Mapping[str, object], mistake: str) -> None:
    """It is told with its key and what would be right."""
    assert the_mistake(**keys).startswith(mistake)


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ({"urll": URL}, "feeds[0].urll: unknown key; did you mean `url`?"),
        ({"colour": 3}, "feeds[0].colour: unknown key; known are: name, include, exclude, kind, "),
        ({"url": "ci.example/cc.xml"}, "feeds[0].url: is not an address; write it as https://"),
        ({"url": "ftp://ci.example/cc.xml"}, "feeds[0].url: is not an address"),
        ({"url": "https:///cc.xml"}, "feeds[0].url: is not an address"),
        ({"url": "https://[ci.example"}, "feeds[0].url: is not an address"),
        ({"url": 5}, "feeds[0].url: should be a string"),
        ({"kind": "rss"}, "feeds[0].kind: kind not found; installed are: cctray"),
        ({"name": ""}, "feeds[0].name: is not a name"),
        ({"name": " "}, "feeds[0].name: is not a name"),
        ({"name": "a\nb"}, "feeds[0].name: is not a name; use visible characters on one line"),
        ({"name": "a\x1b[2J"}, "feeds[0].name: is not a name"),
        ({"name": "a" * 61}, "feeds[0].name: should have at most 60 characters"),
        ({"include": "shop"}, "feeds[0].include: should be a list"),
        ({"include": [""]}, "feeds[0].include[0]: should have at least 1 character"),
        ({"include": ["a", "re:shop("]},
         "feeds[0].include[1]: is not a regular expression; see character 5 after re:"),
        ({"exclude": ["re:a{99999999999999999999}"]},
         "feeds[0].exclude[0]: is not a regular expression"),
        ({"exclude": ["re:" + "(" * 5000 + ")" * 5000]},
         "feeds[0].exclude[0]: is not a regular expression"),
        ({"words": {"dead": "red"}},
         "feeds[0].words.dead: should be 'passing', 'broken' or 'keep'"),
        ({"words": ["dead"]}, "feeds[0].words: should be a table"),
        ({"words": {"Flaky": "passing", "flaky": "broken"}},
         "feeds[0].words.flaky: is there twice; case does not matter"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_feed(keys: Mapping[str, object], mistake: str) -> None:
    """It is told with the number of the feed, its key and what would be right."""
    assert the_mistake(feeds=[a_feed(**keys)]).startswith(mistake)


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ({"pin": {"red": 1}}, "lamps[0].pin: unknown key; did you mean `pins`?"),
        ({"colour": 3}, "lamps[0].colour: unknown key; known are: name, include, exclude, "),
        ({"driver": "neon"}, "lamps[0].driver: no such driver; installed are: busylight, cons"),
        ({"pins": {"red": "GPIO99"}},
         "lamps[0].pins.red: is not a pin; use a BCM number, 0 to 27, or GPIO17 for 17"),
        ({"pins": {"red": -1}}, "lamps[0].pins.red: is not a pin"),
        ({"pins": {"red": True}}, "lamps[0].pins.red: is not a pin"),
        ({"pins": {"red": 10**5000}}, "lamps[0].pins.red: "),
        ({"pins": {"mauve": 1}}, "lamps[0].pins.mauve: should be 'red', 'amber', "),
        ({"pins": {}}, "lamps[0].pins: names no pin; write it as { red = 17, "),
        ({"pins": [17]}, "lamps[0].pins: should be a table"),
        ({"pins": {"red": 17, "green": "GPIO17"}}, "lamps[0].pins: gives GPIO17 to both red and"),
        ({"name": "a\nb"}, "lamps[0].name: is not a name"),
        ({"feeds": ["ci.example", "web"]},
         "lamps[0].feeds[1]: no feed has this name; known are: ci.example"),
        ({"include": ["re:["]}, "lamps[0].include[0]: is not a regular expression"),
        ({"preset": "disco"}, "lamps[0].preset: should be 'colours' or 'rhythm'"),
        ({"patterns": {"borken": "red"}},
         "lamps[0].patterns.borken: unknown signal; did you mean `broken`?"),
        ({"patterns": {"broken": "red, mauve blink"}},
         "lamps[0].patterns.broken: character 6: no such channel; channels are red, "),
        ({"patterns": {"broken": "red blonk"}},
         "lamps[0].patterns.broken: character 5: neither a rhythm (on, blink, "),
        ({"patterns": {"broken": ""}},
         "lamps[0].patterns.broken: character 1: a channel is missing"),
        ({"patterns": {"broken": "blue blink"}},
         "lamps[0].patterns.broken: the light cannot show this; its channels are amber, green, red"
        ),
        ({"patterns": {"broken": 3}}, "lamps[0].patterns.broken: should be a string"),
        ({"wait_for_light": "perhaps"}, "lamps[0].wait_for_light: should be true or false"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_lamp(keys: Mapping[str, object], mistake: str) -> None:
    """It is told with the number of the lamp, its key and what would be right."""
    assert the_mistake(lamps=[a_lamp(**keys)]).startswith(mistake)


@pytest.mark.parametrize(
    ("lamp", "mistake"),
    [
        ({"pins": {"red": 1}}, "lamps[0].driver: is missing"),
        ({"driver": "gpio"}, "lamps[0].pins: is missing"),
        (a_tower(""), "lamps[0].port: should have at least 1 character"),
        (a_tower("/dev/a", protocol="morse"), "lamps[0].protocol: should be 'buildlight', "),
        (a_tower("/dev/a", protocol="custom"), 'lamps[0]: protocol "custom" needs commands = '),
        (a_tower("/dev/a", commands={"red": {"on": "R", "off": "r"}}),
         'lamps[0]: commands belong to protocol "custom"'),
        (a_tower("/dev/a", protocol="custom", commands={"red": {"on": "R"}}),
         "lamps[0].commands.red.off: is missing"),
        (a_tower("/dev/a", protocol="custom", commands={"red": {"on": "R", "off": "hex: Z"}}),
         'lamps[0].commands.red.off: is neither ASCII text nor "hex:" and hex digits'),
    ],
)  # fmt: skip
def test_a_mistake_in_what_only_one_driver_knows(lamp: Mapping[str, object], mistake: str) -> None:
    """Keys that are missing or do not go together are told, too."""
    assert the_mistake(lamps=[lamp]).startswith(mistake)


def test_two_lamps_cannot_have_one_pin() -> None:
    """The second lamp to name it is told."""
    lamps = [a_lamp(pins={"red": 17}), a_lamp(pins={"red": 18, "green": "GPIO17"})]

    mistake = the_mistake(lamps=lamps)

    assert mistake == "lamps[1].pins.green: GPIO17 is already used by lamp 1"


def test_two_lamps_cannot_have_one_serial_port() -> None:
    """The second lamp to name it is told."""
    mistake = the_mistake(lamps=[a_tower("/dev/ttyUSB0"), a_tower("/dev/ttyUSB0")])

    assert mistake == "lamps[1].port: is already used by lamp 1"


def test_two_lamps_cannot_have_one_serial_port_under_two_names(tmp_path: Path) -> None:
    """Both links under /dev/serial lead to one device."""
    by_id, by_path = tmp_path / "by-id", tmp_path / "by-path"
    by_id.symlink_to("/dev/ttyUSB0")
    by_path.symlink_to("/dev/ttyUSB0")

    mistake = the_mistake(lamps=[a_tower(str(by_id)), a_tower(str(by_path))])

    assert mistake == "lamps[1]: /dev/ttyUSB0 is already used by lamp 1"


def test_two_lamps_cannot_have_the_terminal() -> None:
    """It has only one."""
    mistake = the_mistake(lamps=[{"driver": "console"}, {"driver": "console"}])

    assert mistake == "lamps[1]: the terminal is already used by lamp 1"


def test_names_are_used_once() -> None:
    """Two feeds or two lamps of one name could not be told apart."""
    feeds = [a_feed(name="web"), a_feed(name="web")]
    lamps = [a_lamp(name="corner"), a_tower("/dev/a", name="corner")]

    mistakes = mistakes_of({"feeds": feeds, "lamps": lamps})

    assert mistakes == (
        "feeds[1].name: another feed has this name",
        "lamps[1].name: another lamp has this name",
    )


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody has to correct one after the other."""
    mistakes = mistakes_of(
        {
            "intervall": 1,
            "max_failures": 0,
            "feeds": [a_feed(url="nowhere", nmae="web"), a_feed(kind="rss")],
            "lamps": [
                a_lamp(pins={"red": 99, "mauve": 1}, colour="red"),
                {"driver": "neon", "patterns": {"broken": "rde"}},
            ],
        }
    )

    assert [mistake.partition(":")[0] for mistake in mistakes] == [
        "intervall",
        "max_failures",
        "feeds[0].url",
        "feeds[0].nmae",
        "feeds[1].kind",
        "lamps[0].pins.red",
        "lamps[0].pins.mauve",
        "lamps[0].colour",
        "lamps[1].driver",
        "lamps[1].patterns.broken",
    ]


def test_a_wrong_key_does_not_hide_those_of_the_driver() -> None:
    """A table may be wrong in both halves, what all lamps have and what its driver wants."""
    mistakes = mistakes_of(
        {
            "feeds": [{"name": 5, "url": "nowhere"}],
            "lamps": [a_lamp(name=5, pins={"red": 99}), {"driver": 5, "pins": 5}],
        }
    )

    assert [mistake.partition(":")[0] for mistake in mistakes] == [
        "feeds[0].name",
        "feeds[0].url",
        "lamps[0].name",
        "lamps[0].pins.red",
        "lamps[1].driver",
    ]


def test_a_mistake_in_a_feed_is_not_blamed_on_the_lamp_that_names_it() -> None:
    """One mistake is told once, where it is."""
    feeds = [a_feed(name="web", url="nowhere")]

    mistake = the_mistake(feeds=feeds, lamps=[a_lamp(feeds=["web"])])

    assert mistake.startswith("feeds[0].url: ")


def test_no_feeds_is_one_mistake_even_if_a_lamp_names_some() -> None:
    """The lamp is not blamed for feeds that are not there at all."""
    mistake = the_mistake(feeds=[], lamps=[a_lamp(feeds=["web"])])

    assert mistake.startswith("feeds: none found")


def test_a_key_cannot_play_with_the_terminal() -> None:
    """A key that would clear the screen is shown without its power."""
    mistake = the_mistake(**{"a\x1b[2J\nb": 1})

    assert mistake.startswith("a�[2J�b: unknown key")


# Secrets.

WHOLE: Mapping[str, Any] = {
    "interval": 30,
    "building_interval": 10,
    "max_failures": 3,
    "feeds": [
        {"name": "web", "url": URL, "kind": "cctray", "include": ["a*"], "exclude": ["re:b"],
         "words": {"dead": "broken"}},
    ],
    "lamps": [
        {"name": "one", "driver": "gpio", "pins": {"red": 17, "green": 22}, "feeds": ["web"],
         "preset": "rhythm", "patterns": {"broken": "red"}, "include": ["a*"], "exclude": ["b"],
         "wait_for_light": True},
        {"name": "two", "driver": "serial", "port": "/dev/a", "protocol": "custom", "baud": 9600,
         "commands": {"red": {"on": "R", "off": "r"}}},
    ],
}  # fmt: skip
Place = tuple[str | int, ...]


def places_in(value: object, place: Place = ()) -> Iterator[Place]:
    """Yield where each value of a document is, tables and lists included."""
    if place:
        yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places_in(inner, (*place, key))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places_in(inner, (*place, number))


PLACES = tuple(places_in(WHOLE))
# Names of feeds are told, so that a lamp can name one.
SECRET_PLACES = tuple(place for place in PLACES if place != ("feeds", 0, "name"))


def told_of(document: Mapping[str, Any]) -> str:
    """Return all that is told of *document*; nothing, if it is good."""
    try:
        check_settings(document)
    except ConfigError as exc:
        return str(exc)
    return ""


def with_value(place: Place, value: object) -> dict[str, Any]:
    """Return the whole document with *value* at *place*."""
    document: Any = copy.deepcopy(dict(WHOLE))
    table = document
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value
    return dict(document)


def test_the_whole_document_is_good() -> None:
    """The tests below start from a configuration without a mistake."""
    assert check_settings(WHOLE).lamps[1].name == "two"


@pytest.mark.parametrize("place", SECRET_PLACES, ids=lambda place: ".".join(map(str, place)))
@pytest.mark.parametrize(
    "value",
    ["SECRET", "re:(?P<SECRET", "https:SECRET", "SECRET\n", ["SECRET"], {"x": "SECRET"},
     [{"x": "SECRET"}]],
)  # fmt: skip
def test_no_mistake_tells_its_value(place: Place, value: object) -> None:
    """A token that somebody put in the wrong place is not printed."""
    told = told_of(with_value(place, value))

    assert "SECRET" not in told


TOKEN = "ghp_0123456789abcdefgh"


def test_a_file_full_of_secrets_tells_none_of_them(tmp_path: Path) -> None:
    """Every value is wrong, and each line is quoted; what looks like a token is masked."""
    file = tmp_path / "buildlight.toml"
    file.write_text(
        """
        interval = "SECRET"
        building_interval = "SECRET"
        max_failures = "SECRET"
        token = "SECRET"
        [[feeds]]
        name = "SECRET\\n"
        url = "SECRET"
        kind = "cctray"
        include = ["re:SECRET("]
        exclude = "SECRET"
        words = { dead = "SECRET" }
        token = "SECRET"
        [[feeds]]
        url = "ftp://user:SECRET@ci.example/cc.xml?token=SECRET"
        [[feeds]]
        url = "https://ci.example/cc.xml"
        kind = "SECRET"
        [[feeds]]
        url = "https://fine.example/cc.xml"
        [[lamps]]
        name = "SECRET\\t"
        driver = "gpio"
        pins = { red = "SECRET" }
        [[lamps]]
        driver = "gpio"
        pins = { red = "SECRET", green = ["SECRET"] }
        feeds = ["SECRET"]
        preset = "rhythm"
        patterns = { broken = "red SECRET", passing = "SECRET" }
        wait_for_light = "SECRET"
        [[lamps]]
        driver = "SECRET"
        [[lamps]]
        driver = "serial"
        port = "SECRET"
        protocol = "SECRET"
        baud = "SECRET"
        commands = { red = { on = "é SECRET", off = "hex: SECRET", SECRE = "SECRET" } }
        """.replace("SECRET", TOKEN),
        encoding="utf-8",
    )

    with pytest.raises(ConfigError) as caught:
        load_settings(file)

    assert TOKEN not in str(caught.value)
    assert all(mistake.startswith(f"{file}: line ") for mistake in caught.value.mistakes)
    assert len(caught.value.mistakes) == 26


# Files.


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """With its path."""
    file = tmp_path / "none.toml"

    assert mistake_of_file(file) == f"{file}: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "not a regular file"),
        (lambda file: file.symlink_to("/dev/zero"), "not a regular file"),
        (lambda file: os.truncate(file, 2**40), "larger than 1024 KiB"),
    ],
    ids=["folder", "pipe", "device", "huge"],
)
def test_only_a_small_regular_file_is_read(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    """A pipe that nobody writes to, and a device without an end, would hold up the daemon."""
    file = tmp_path / "buildlight.toml"
    if reason.startswith("larger"):
        file.touch()
    make(file)

    assert mistake_of_file(file) == f"{file}: cannot be read: {reason}"


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"interval = \n", "line 1: interval: the value behind = is missing"),
        (b"[[feeds]\n", "line 1: the brackets do not match; write [[feeds]]"),
        (b'name = "\xfcbung"\n', "line 1: is not UTF-8 text"),
        ("interval = 30\n".encode("utf-16"), "line 1: the file is UTF-16"),
        (b"interval = " + b"9" * 5000, "has a number that is too long, or is nested too deep"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "has a number that is too long, or is nested"),
        (b"", "line 1: feeds: none found"),
    ],
    ids=["no value", "bracket", "latin-1", "utf-16", "long number", "deep", "empty"],
)
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, content: bytes, mistake: str) -> None:
    """With its path, and the place if there is one."""
    file = tmp_path / "buildlight.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_settings(file)

    assert caught.value.mistakes[0].startswith(f"{file}: {mistake}")


def test_the_file_that_was_chosen_is_taken(tmp_path: Path) -> None:
    """``--config`` wins, even if there is no such file: nothing else is read in its place."""
    assert find_file(tmp_path / "mine.toml") == tmp_path / "mine.toml"


def test_the_file_of_the_machine_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/etc, then the user's folder."""
    system, users = tmp_path / "buildlight.toml", tmp_path / "home/buildlight/buildlight.toml"
    users.parent.mkdir(parents=True)
    monkeypatch.setattr("buildlight.system.paths.SYSTEM", tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))

    users.touch()
    alone = find_file()
    system.touch()
    both = find_file()

    assert (alone, both) == (users, system)


def test_the_users_file_is_in_their_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without XDG_CONFIG_HOME it is ~/.config."""
    monkeypatch.setattr("buildlight.system.paths.SYSTEM", tmp_path / "none")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".config" / "buildlight" / "buildlight.toml"
    file.parent.mkdir(parents=True)
    file.touch()

    assert find_file() == file


def test_no_file_at_all_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newcomer learns both places, and of the demo."""
    monkeypatch.setattr("buildlight.system.paths.SYSTEM", tmp_path / "etc")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    with pytest.raises(ConfigError) as caught:
        find_file()

    sentence = str(caught.value)
    assert f"no configuration at {tmp_path / 'etc' / 'buildlight.toml'}" in sentence
    assert str(tmp_path / "buildlight" / "buildlight.toml") in sentence
    assert "buildlight demo" in sentence


def test_a_user_without_a_home_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container there may be no home at all."""

    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr("buildlight.system.paths.SYSTEM", tmp_path / "etc")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ConfigError, match="no configuration at"):
        find_file()


# The environment.


def test_the_environment_goes_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """BUILDLIGHT_INTERVAL beats interval; what it does not name stays."""
    monkeypatch.setenv("BUILDLIGHT_INTERVAL", "15")

    feed = check_settings(a_document(interval=60, building_interval=5)).feeds[0]

    assert (feed.interval, feed.building_interval) == (15, 5)


@pytest.mark.parametrize("name", ["BUILDLIGHT_X", "BUILDLIGHT_PORTS", "buildlight_lamps"])
def test_an_unknown_variable_is_a_mistake(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whoever mistypes one learns which there are; feeds and lamps belong in the file."""
    monkeypatch.setenv(name, "SECRET")

    mistake = the_mistake()

    assert mistake == (
        f"{name}: unknown environment variable; known are: "
        "BUILDLIGHT_INTERVAL, BUILDLIGHT_BUILDING_INTERVAL, BUILDLIGHT_MAX_FAILURES, "
        "BUILDLIGHT_KEEP_VERDICTS"
    )


def test_a_bad_variable_is_told_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to look for it in the file, where it is right."""
    monkeypatch.setenv("BUILDLIGHT_INTERVAL", "SECRET")

    mistake = the_mistake(interval=30)

    assert mistake.startswith("BUILDLIGHT_INTERVAL: should be a number")
    assert "SECRET" not in mistake


# A lamp without a configuration.


def test_a_lamp_can_be_made_of_keys_alone() -> None:
    """For a wiring test before there is a configuration."""
    lamp = lamp_from_keys("gpio", {"pins": {"red": "17", "green": "22"}})

    assert (lamp.name, lamp.feeds) == ("lamp", frozenset())
    assert lamp.options.claims == {"GPIO17", "GPIO22"}
    assert set(lamp.patterns) == set(RANKS.values())


def test_the_keys_of_a_lamp_alone_are_checked_as_well() -> None:
    """All mistakes at once here, too."""
    with pytest.raises(ConfigError) as caught:
        lamp_from_keys("gpio", {"pins": {"red": "GPIO99", "mauve": "1"}, "port": "/dev/a"})

    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "pins.red",
        "pins.mauve",
        "port",
    ]


def test_checking_opens_no_light_and_asks_no_server() -> None:
    """A check of the configuration leaves the world alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked: list[object] = []
        watching = threading.Thread(target=_accept_one, args=(server, asked.append), daemon=True)
        watching.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/cc.xml"

        settings = check_settings(a_document(feeds=[a_feed(url=url)], lamps=[a_tower("/dev/no")]))

        assert settings.lamps[0].driver == "serial"
        assert not asked
        socket.create_connection(server.getsockname()).close()
        watching.join(timeout=10)
        assert len(asked) == 1


def _accept_one(server: socket.socket, tell: Callable[[object], None]) -> None:
    connection, address = server.accept()
    connection.close()
    tell(address)


# Anything at all.

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**400),
    st.floats(),
    st.text(),
    st.text().map(lambda text: f"re:{text.replace('[', '(')}"),  # "[[" makes Python warn
    st.dates(),
    st.times(),
    st.datetimes(),
    st.sampled_from(
        ["gpio", "serial", "console", "cctray", URL, "http://[::1", "red blink", "re:a", "\n",
         "custom", "adafruit-tower", "GPIO17", "rhythm", "passing", "hex: 0A", "web"]
    ),
)  # fmt: skip
KEYS = st.one_of(
    st.text(),
    st.sampled_from(sorted({str(part) for place in PLACES for part in place})),
    st.sampled_from(["choice", "options", "self", "model_config", "model_extra", "_env_file"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=10,
)


def is_told_well(document: Mapping[str, Any]) -> bool:
    """Return whether *document* gives settings, or mistakes of one line each."""
    try:
        settings = check_settings(document)
    except ConfigError as exc:
        return bool(exc.mistakes) and all(mistake.isprintable() for mistake in exc.mistakes)
    return isinstance(settings, Settings) and bool(settings.feeds and settings.lamps)


RANDOMLY = how(
    # The environment is cleared once for all examples, as it should be.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@RANDOMLY
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_document_gives_settings_or_mistakes(document: dict[str, Any]) -> None:
    """Whatever somebody writes, nobody sees a traceback."""
    assert is_told_well(document)


@RANDOMLY
@example(("lamps", 0, "patterns"), {"\x1f": None})
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_in_any_place_gives_settings_or_mistakes(place: Place, value: object) -> None:
    """A good configuration with one odd value is told as well as any."""
    assert is_told_well(with_value(place, value))


@RANDOMLY
@given(st.sampled_from(PLACES), KEYS, VALUES)
def test_any_key_in_any_table_gives_settings_or_mistakes(
    place: Place, key: str, value: object
) -> None:
    """A good configuration with one odd key is told as well as any."""
    assert is_told_well(with_value((*place[:-1], key), value) if isinstance(place[-1], str) else {})


@pytest.mark.parametrize("signal", ["stale", "none", "broken", "broken-stale", "none-building"])
def test_green_alone_cannot_be_chosen_for_what_is_not_well(signal: str) -> None:
    """A lamp that is told to lie does not start."""
    document = a_document(lamps=[a_lamp(patterns={signal: "green blink"})])

    with pytest.raises(ConfigError) as caught:
        check_settings(document)

    assert caught.value.mistakes == (
        f"lamps[0].patterns.{signal}: green alone would say that all is well; add red or amber",
    )


@pytest.mark.parametrize(
    ("text", "pins"),
    [
        ("red 2s, green", {"red": 17, "green": 22}),
        ("green 5s, red 2s, buzzer", {"red": 17, "green": 22, "buzzer": 23}),
        ("green, amber blink", {"blue": 17, "green": 22}),
    ],
)
def test_green_must_not_be_left_alone_by_what_qualifies_it(text: str, pins: dict[str, int]) -> None:
    """A red that ends before the green, and an amber that this light has not, qualify nothing."""
    document = a_document(lamps=[a_lamp(pins=pins, patterns={"stale": text, "broken": "green"})])

    with pytest.raises(ConfigError) as caught:
        check_settings(document)

    told = [each for each in caught.value.mistakes if each.startswith("lamps[0].patterns.stale")]
    assert told == [
        "lamps[0].patterns.stale: green alone would say that all is well; add red or amber"
    ]


def test_green_may_stand_beside_a_red_that_lasts_as_long() -> None:
    """Both end together."""
    patterns = {"broken": "red 5s, green 5s, amber", "stale": "green 1s, amber blink"}

    settings = check_settings(a_document(lamps=[a_lamp(patterns=patterns)]))

    assert settings.lamps[0].patterns["stale"].text == "green 1s, amber blink"


def test_a_light_that_cannot_be_dimmed_cannot_be_dimmed_at_night() -> None:
    """It would stand fully lit, which is not what was asked for."""
    document = a_document(
        lamps=[a_lamp(hours={"open": "08:00", "close": "19:00", "closed": "20%"})]
    )

    with pytest.raises(ConfigError) as caught:
        check_settings(document)

    (mistake,) = caught.value.mistakes
    assert mistake.startswith("lamps[0].hours.closed: this light cannot be dimmed")


def test_an_event_may_not_hide_the_lamp_for_long() -> None:
    """A minute is enough for a cheer."""
    document = a_document(lamps=[a_lamp(events={"fixed": "green blink 61s"})])

    with pytest.raises(ConfigError) as caught:
        check_settings(document)

    assert caught.value.mistakes == ("lamps[0].events.fixed: lasts longer than 60 seconds",)


def test_lamps_are_known_without_the_secrets_of_their_feeds(tmp_path: Path) -> None:
    """Whoever darkens them after the daemon's end gets no secret, and needs none."""
    file = tmp_path / "buildlight.toml"
    auth = '{ kind = "bearer", secret = "no-such-secret" }'
    table = f'[[feeds]]\nname = "web"\nurl = "{URL}"\nauth = {auth}\n'
    file.write_text(f'{table}[[lamps]]\ndriver = "console"\nfeeds = ["web"]\n')

    assert [lamp.driver for lamp in load_lamps(file)] == ["console"]
    with pytest.raises(ConfigError, match="secret no-such-secret not found"):
        load_settings(file)


def test_lamps_with_mistakes_are_told_alone(tmp_path: Path) -> None:
    """A lamp that does not exist cannot be darkened."""
    file = tmp_path / "buildlight.toml"
    file.write_text('[[lamps]]\ndriver = "candle"\n')

    with pytest.raises(
        ConfigError, match=r"line 2: the \[\[lamps\]\] table: driver: no such driver"
    ):
        load_lamps(file)
