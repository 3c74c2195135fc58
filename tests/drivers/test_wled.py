"""WLED lights: what is sent for which pattern, and what happens to odd answers.

The light is a real HTTP server on 127.0.0.1. The facts are WLED's (wled00/json.cpp, FX.cpp).
"""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from buildlight.drivers import Known, wled
from buildlight.drivers.wled import WledLight, WledOptions
from buildlight.drivers.wled_effects import BLINK, BREATHE, HEARTBEAT, SOLID, blink_timing
from buildlight.errors import LightUnavailable
from buildlight.patterns.fitting import fit
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, RHYTHMS, Channel, Frame
from buildlight.patterns.presets import COLOURS
from support.fake_wled import Wled, a_segment

RED, GREEN = Frame.of({Channel.RED: 1}), Frame.of({Channel.GREEN: 1})
BLACK = [0, 0, 0]


@pytest.fixture
def light() -> Iterator[Wled]:
    """A WLED that is plugged in."""
    with Wled() as light:
        yield light


def options(host: str, **keys: object) -> WledOptions:
    """Return the options for the light at *host*."""
    return WledOptions.model_validate({"host": host, **keys})


def refusal(host: str, **keys: object) -> str:
    """Return why the light at *host* does not open."""
    with pytest.raises(LightUnavailable) as caught:
        WledLight(options(host, **keys))
    return str(caught.value)


# What is sent.


def test_a_colour_is_sent_whole(light: Wled) -> None:
    """Whatever effect, palette or playlist somebody left: the lamp shows its own colour."""
    driver = WledLight(options(light.host))

    driver.show(RED)

    assert light.seen[0] == "/json/si"
    assert light.told == [
        {
            "v": True,
            "tt": 0,
            "lor": 2,
            "nl": {"on": False},
            "on": True,
            "seg": [
                {
                    "id": 0,
                    "on": True,
                    "bri": 255,
                    "frz": False,
                    "fx": SOLID,
                    "sx": 128,
                    "ix": 128,
                    "pal": 0,
                    "col": [[255, 0, 0], BLACK, BLACK],
                }
            ],
        }
    ]


def test_darkness_is_the_segments_own() -> None:
    """The other segments belong to others."""
    with Wled(segments=3) as light:
        driver = WledLight(options(light.host, segment=2))
        driver.show(DARK)

    (told,) = light.told
    assert told["seg"] == [{"id": 2, "on": False}]
    assert "on" not in told


def test_the_brightness_is_the_controllers_unless_given(light: Wled) -> None:
    """A number from 1 to 255, as in WLED's own app."""
    driver = WledLight(options(light.host, brightness=40))

    driver.show(RED)

    assert light.told[0]["bri"] == 40


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("red", [255, 0, 0]),
        ("amber", [255, 160, 0]),
        ("red, amber", [255, 160, 0]),
        ("red, green", [255, 255, 0]),
        ("white", [255, 255, 255]),
        ("amber 30%", [77, 48, 0]),
        ("green 1%", [0, 3, 0]),
    ],
)
def test_channels_mix_to_one_colour(light: Wled, text: str, colour: list[int]) -> None:
    """Amber has less green than yellow; a still level is exact."""
    driver = WledLight(options(light.host))
    pattern = parse_pattern(text)
    assert driver.plays(pattern)

    driver.play(pattern)

    assert light.told[0]["seg"][0]["col"] == [colour, BLACK, BLACK]


def test_only_changes_are_sent(light: Wled) -> None:
    """A frame that looks like the last is no request; the refresh after 30 s is one."""
    driver = WledLight(options(light.host))
    for _ in range(5):
        driver.show(RED)
    driver.show(DARK)

    assert len(light.told) == 2
    assert driver.refresh == 30
    assert driver.refresh > wled.REPEAT


def test_a_refresh_is_sent(light: Wled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A light that lost its power shows its own colours again, until it is told."""
    driver = WledLight(options(light.host))
    driver.show(RED)
    monkeypatch.setattr(wled, "REPEAT", 0.0)

    driver.show(RED)

    assert len(light.told) == 2


def test_a_breath_by_hand_is_a_few_requests(light: Wled) -> None:
    """Twenty frames a second would be too much for the light: levels come in quarters."""
    driver = WledLight(options(light.host))

    for step in range(1, 101):
        driver.show(Frame.of({Channel.RED: step / 100}))

    reds = [told["seg"][0]["col"][0][0] for told in light.told]
    assert reds == [64, 128, 192, 255]


def test_close_darkens_what_was_lit(light: Wled) -> None:
    """Dark once, however often it is closed."""
    driver = WledLight(options(light.host))
    driver.show(RED)

    driver.close()
    driver.close()

    (told,) = light.told[1:]
    assert told["seg"] == [{"id": 0, "on": False}]
    assert told["lor"] == 0  # Whoever sends live data has the light again.
    assert light.shines() is None


def test_opening_changes_nothing(light: Wled) -> None:
    """`buildlight check` beside a running daemon leaves its lamp alone."""
    WledLight(options(light.host)).close()

    assert light.asked == 1
    assert light.told == []


# Which effects are used.


def test_a_pulse_is_the_breathe_effect(light: Wled) -> None:
    """Speed 184 breathes in 65536 / 33 ms, which is 1.99 s."""
    driver = WledLight(options(light.host))
    driver.play(parse_pattern("green pulse"))

    segment = light.told[0]["seg"][0]

    assert (segment["fx"], segment["sx"]) == (BREATHE, 184)
    assert segment["col"] == [[0, 255, 0], BLACK, BLACK]
    breath = 65_536 / (184 // 8 + 10)
    assert breath == pytest.approx(2000, rel=0.01)


def test_a_still_channel_shines_through_the_dark_moments(light: Wled) -> None:
    """Red with an amber blink: between two blinks there is red."""
    driver = WledLight(options(light.host))
    driver.play(parse_pattern("red, amber blink"))

    segment = light.told[0]["seg"][0]

    assert segment["fx"] == BLINK
    assert segment["col"] == [[255, 160, 0], [255, 0, 0], BLACK]


@pytest.mark.parametrize("name", ["blink", "quick-blink", "wink", "dip"])
def test_blinks_take_the_time_they_should(name: str) -> None:
    """Computed as FX.cpp does, on and off differ by less than anybody sees."""
    timing = blink_timing(RHYTHMS[name])
    assert timing is not None
    speed, intensity = timing
    (on, _), (off, _) = RHYTHMS[name]

    cycle = (255 - speed) * 20
    shown_on = 24 + (cycle * intensity >> 8)

    assert shown_on == pytest.approx(on * 1000, abs=25)
    assert cycle + 48 - shown_on == pytest.approx(off * 1000, abs=25)


@pytest.mark.parametrize(
    "text",
    [
        "red pulse, amber double-blink",
        "amber triple-blink",
        "red blink, green wink",
        "red 2s",
        "red blink 2s",
    ],
)
def test_what_no_effect_looks_like_is_shown_by_hand(light: Wled, text: str) -> None:
    """WLED has no triple blink, one rhythm a segment, and no end."""
    driver = WledLight(options(light.host))

    assert not driver.plays(parse_pattern(text))


def test_rhythms_longer_than_wleds_are_shown_by_hand() -> None:
    """The slowest blink of WLED takes five seconds."""
    assert blink_timing(((4.0, 1.0), (4.0, 0.0))) is None
    assert blink_timing(((0.01, 1.0), (0.01, 0.0))) is None


def test_a_flash_shorter_than_a_frame_of_wled_is_shown_by_hand() -> None:
    """WLED would make the flash a frame long and the dark 32 ms shorter."""
    assert blink_timing(((0.001, 1.0), (1.056, 0.0))) is None


def test_a_double_blink_is_the_heartbeat_effect(light: Wled) -> None:
    """Two beats and a pause, 40 times a minute; between them there is red."""
    driver = WledLight(options(light.host))
    driver.play(parse_pattern("red, amber double-blink"))

    segment = light.told[0]["seg"][0]

    assert (segment["fx"], segment["sx"], segment["ix"]) == (HEARTBEAT, 0, 255)
    assert segment["col"] == [[255, 160, 0], [255, 0, 0], BLACK]
    beat = 60_000 // (40 + (segment["sx"] >> 3))
    assert 2_000 / beat < 3  # Two flashes each beat: below three a second.
    faded = (2042 / (2048 + segment["ix"])) ** ((beat / 3) / 24)
    assert faded < 0.15  # It can be told from one long beat.


def test_all_default_signals_but_one_are_effects(light: Wled) -> None:
    """The network is quiet while nothing changes."""
    driver = WledLight(options(light.host))
    made = options(light.host)

    patterns = {
        signal: fit(parse_pattern(text), made.channels, dims=made.dims)
        for signal, text in COLOURS.items()
    }

    by_hand = {signal for signal, each in patterns.items() if not driver.plays(each)}
    assert by_hand == {"broken-building-stale"}


# What is answered.


def test_a_segment_that_is_not_there_is_told(light: Wled) -> None:
    """WLED takes states for segments it does not have, and shows nothing."""
    sentence = refusal(light.host, segment=2)

    assert sentence == f"{light.host} has no segment 2; there are: 0"


def test_segments_without_numbers_are_counted(light: Wled) -> None:
    """Old versions do not number them."""
    light.state = {"seg": [{}, {}]}
    light.info = {}

    WledLight(options(light.host, segment=1)).close()


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, b"<html>Log in</html>", "does not answer as WLED does; check host"),
        (200, b"[]", "does not answer as WLED does; check host"),
        (200, b'{"seg": 1}', "does not answer as WLED does; check host"),
        (200, b"[" * 60_000, "does not answer as WLED does; check host"),
        (200, b"\xff\xfe\x00", "does not answer as WLED does; check host"),
        (200, b" " * 70_000, "does not answer as WLED does; check host"),
        (200, b'{"seg": [1, null, {"id": "0"}]}', "has no segment 0; there are: none"),
        (404, b"", "answered with status 404; is it a WLED light? check host"),
        (302, b"", "answered with status 302; is it a WLED light? check host"),
        (503, b'{"error":3}', "is busy (status 503); does another program control it, too?"),
    ],
)
def test_nothing_of_an_answer_is_trusted(
    light: Wled, status: int, body: bytes, sentence: str
) -> None:
    """Whatever stands at that address: it is a light, or there is a sentence."""
    light.answer = (status, body)

    assert refusal(light.host) == f"{light.host} {sentence}"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"success":false}', b'{"success":1}', b"[]"])
def test_a_state_counts_as_shown_when_the_light_says_so(light: Wled, body: bytes) -> None:
    """A page that answers 200 to everything is no light; it is told again after it."""
    driver = WledLight(options(light.host))
    light.answer = (200, body)
    with pytest.raises(LightUnavailable, match="does not answer as WLED does"):
        driver.show(RED)
    light.answer = None

    driver.show(RED)

    assert len(light.told) == 1


def test_a_light_that_is_unplugged_is_told(light: Wled) -> None:
    """The next frame says so, and closing is quick and quiet."""
    driver = WledLight(options(light.host))
    driver.show(RED)
    light.close()

    with pytest.raises(LightUnavailable, match="refused"):
        driver.show(DARK)
    driver.close()

    with pytest.raises(LightUnavailable, match="is closed"):
        driver.show(DARK)


def test_a_light_that_says_nothing_is_given_up(
    light: Wled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 3 s; the test does not wait as long."""
    assert wled.TIMEOUT == 3
    monkeypatch.setattr(wled, "TIMEOUT", 0.1)
    light.silent.set()

    assert "timed out" in refusal(light.host)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1"])
def test_a_light_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    """One deadline holds for headers and body; a byte now and then does not move it."""
    monkeypatch.setattr(wled, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        connection: list[socket.socket] = []

        def drip() -> None:
            connection.append(server.accept()[0])
            connection[0].sendall(start)
            try:
                while True:
                    connection[0].sendall(b" ")
                    time.sleep(0.01)
            except OSError:
                return

        thread = threading.Thread(target=drip)
        thread.start()
        sentence = refusal(host)
        thread.join()  # The light is hung up on: it would drip for ever.
        connection[0].close()

    assert "timed out" in sentence


def test_a_name_server_that_hangs_holds_no_lamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking the name up counts as part of the call."""
    monkeypatch.setattr(wled, "TIMEOUT", 0.1)
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [answered.wait(10)][:0])

    sentence = refusal("wled-desk.local")
    answered.set()

    assert "timed out" in sentence


def unknown(*_: object, **__: object) -> None:
    """Answer as the system does to a name that nobody has, without asking the network."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("host", ["wled-dseky.local", "x" * 64])
def test_a_name_that_nobody_has_is_told(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """A slip in the host, or a light without mDNS."""
    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    sentence = refusal(host)

    assert sentence == f"cannot resolve {host}; check host, or use its address"


def test_proxies_are_not_asked(light: Wled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A light in the office is not behind the office's proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    WledLight(options(light.host)).close()

    assert light.asked == 1


def test_one_segment_under_two_addresses_is_refused(light: Wled) -> None:
    """By name and by address: two lamps would overwrite each other."""
    by_name = light.host.replace("127.0.0.1", "localhost")
    driver = WledLight(options(light.host))

    sentence = refusal(by_name)
    driver.close()

    assert sentence == (
        f"{by_name} is the same light as {light.host}, where another lamp shows segment 0; "
        "remove one of the lamps, or set another segment"
    )
    WledLight(options(by_name)).close()


def test_two_segments_under_two_addresses_are_two_lamps() -> None:
    """The parts of one strip may be shared out."""
    with Wled(segments=2) as light:
        first = WledLight(options(light.host))
        WledLight(options(light.host.replace("127.0.0.1", "localhost"), segment=1)).close()
        first.close()


@pytest.mark.parametrize("info", [[], {}, {"mac": 7}, {"mac": ""}])
def test_a_light_without_a_mac_address_opens(light: Wled, info: object) -> None:
    """Its addresses cannot be compared."""
    light.info = info

    WledLight(options(light.host)).close()
    WledLight(options(light.host.replace("127.0.0.1", "localhost"))).close()


# What is read back.


def fault(driver: WledLight, frame: Frame = RED) -> str:
    """Return why *driver* cannot show *frame*."""
    with pytest.raises(LightUnavailable) as caught:
        driver.show(frame)
    return str(caught.value).removeprefix(f"{driver.host} ")


@pytest.mark.parametrize("old", [False, True])
def test_what_is_shown_is_read_back(light: Wled, old: bool) -> None:  # noqa: FBT001
    """In the answer itself, or, from a version that does not send it, by asking."""
    light.old = old
    driver = WledLight(options(light.host, brightness=40))
    driver.show(RED)

    assert driver.known is Known.CONFIRMED
    assert light.shines() == (SOLID, [255, 0, 0])
    assert light.asked == 1 + old
    driver.close()


def test_a_strip_with_a_white_channel_is_read_back(light: Wled) -> None:
    """Its colours have a fourth number; white that somebody added is another colour."""
    driver = WledLight(options(light.host))
    light.white = 0
    driver.show(RED)
    assert driver.known is Known.CONFIRMED
    light.white = 9

    assert "shows something else on segment 0" in fault(driver, GREEN)


def test_what_an_old_version_leaves_out_is_not_confirmed(light: Wled) -> None:
    """Its segments have no colours in the answer."""
    light.state = {"on": True, "seg": [{"id": 0}]}
    driver = WledLight(options(light.host))

    driver.show(RED)

    assert driver.known is Known.TOLD


def test_segments_that_are_forgotten_are_a_lost_light() -> None:
    """After a power loss WLED takes states for them with success, and shows nothing."""
    with Wled(segments=2) as light:
        driver = WledLight(options(light.host, segment=1))
        driver.show(RED)
        light.lose_power()

        assert fault(driver, DARK) == "has no segment 1; there are: 0"
        driver.close()


def test_a_strip_that_covers_another_lamp_is_a_lost_light() -> None:
    """The segment that is left is the whole strip: green where the other lamp is broken."""
    with Wled(segments=2) as light:
        first, second = (WledLight(options(light.host, segment=each)) for each in (0, 1))
        first.show(GREEN)
        light.lose_power()
        assert "has no segment 1" in fault(second)

        told = fault(first, Frame.of({Channel.GREEN: 0.5}))
        first.close()
        dark = light.shines()
        light.lose_power(preset=True)
        light.state["seg"].append(a_segment(1, 20))
        again = WledLight(options(light.host))
        again.show(GREEN)
        again.close()
        second.close()

    assert told == (
        "lost segment 1, which another lamp shows; save the segments as a preset, and let WLED "
        "load it at boot"
    )
    assert dark is None


def test_live_data_is_overridden(light: Wled) -> None:
    """Hyperion may have it when the daemon stops."""
    driver = WledLight(options(light.host))
    light.go_live()
    driver.show(RED)

    assert light.shines() == (SOLID, [255, 0, 0])
    driver.close()
    assert light.state["lor"] == 0


def test_live_data_that_stays_is_a_lost_light(light: Wled) -> None:
    """Red is claimed, something else glows."""
    driver = WledLight(options(light.host))
    light.go_live()
    light.deaf = True

    assert fault(driver) == (
        "shows live data (UDP, 192.168.1.9) instead; stop it, or disable it in its sync settings"
    )


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (
            {"nl": {"on": True}},
            "is faded out by its night light; switch the night light off",
        ),
        ({"on": False}, "is switched off; does another program control it?"),
        ({"bri": 3}, "has brightness 3 instead; does another program control it?"),
    ],
)
def test_a_light_that_another_program_controls_is_lost(
    light: Wled, state: dict[str, object], sentence: str
) -> None:
    """Somebody's app or timer: what is seen is not what was asked for."""
    driver = WledLight(options(light.host, brightness=40))
    light.state |= {"bri": 40, **state}
    light.deaf = True

    assert fault(driver) == sentence


def test_the_night_light_is_switched_off(light: Wled) -> None:
    """It would fade the lamp out within the hour."""
    light.state["nl"]["on"] = True
    driver = WledLight(options(light.host))
    driver.show(RED)

    assert light.state["nl"]["on"] is False


# What is slow or busy.


def test_one_failed_call_is_made_once_more(light: Wled, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ESP8266 answers 503 now and then; twice in a row is a light that is lost."""
    monkeypatch.setattr(wled, "PAUSE", 0.0)
    driver = WledLight(options(light.host))
    light.busy = 1
    driver.show(RED)
    assert driver.known is Known.CONFIRMED
    light.busy = 2

    assert "is busy (status 503)" in fault(driver, DARK)


def test_a_connection_is_kept(light: Wled, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the light keeps it, too; one that was closed meanwhile is made anew."""
    driver = WledLight(options(light.host))
    for frame in (RED, DARK, RED):
        driver.show(frame)
    assert light.connections == 4  # HTTP/1.0 of the fake closes each.
    monkeypatch.setattr(light.handler, "protocol_version", "HTTP/1.1")
    for frame in (DARK, RED, DARK):
        driver.show(frame)
    assert light.connections == 5
    light.headers = {"Connection": "close"}
    for frame in (RED, DARK):
        driver.show(frame)

    assert light.connections == 6
    driver.close()


def test_a_light_may_take_its_time() -> None:
    """Wi-Fi that saves power: 3 s for the connection, 3 s for the answer, and once more."""
    assert WledLight.patience > 2 * 6


# What is configured.


@pytest.mark.parametrize("host", ["wled-desk.local", "10.0.0.7", "light:8080", "[fe80::1]:80", "w"])
def test_hosts_are_names_and_addresses(host: str) -> None:
    """With a port, if need be."""
    assert options(host).host == host


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ({"host": "http://light"}, "leave out http://"),
        ({"host": "light/json"}, "is not a host"),
        ({"host": "user@light"}, "is not a host"),
        ({"host": "light:0"}, "is not a host"),
        ({"host": "light:70000"}, "is not a host"),
        ({"host": "li ght"}, "is not a host"),
        ({"host": ""}, "is not a host"),
        ({"host": 7}, "is not a host"),
        ({"host": "light", "segment": -1}, "segment"),
        ({"host": "light", "brightness": 0}, "brightness"),
        ({"host": "light", "brightness": 256}, "brightness"),
    ],
)
def test_what_is_no_host_is_a_mistake(keys: object, mistake: str) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(ValidationError, match=mistake):
        WledOptions.model_validate(keys)


def test_a_lamp_claims_its_segment_and_waits_for_it() -> None:
    """Two lamps may share a strip, each with a segment."""
    made = options("Light", segment=1)

    assert made.claims == {"segment 1 of light"}
    assert made.wait_for_light
    assert made.dims
    assert Channel.BUZZER not in made.channels
