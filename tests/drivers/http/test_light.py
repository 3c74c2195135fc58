"""Lights with an address: what is sent for which state, and what answers are worth."""

import ssl
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from buildlight.config.settings import check_settings
from buildlight.drivers import Known
from buildlight.drivers.conformance import check_driver
from buildlight.drivers.http import light as http_light
from buildlight.drivers.http.devices import xy_of
from buildlight.drivers.http.light import HttpLight
from buildlight.drivers.http.options import HttpLightOptions
from buildlight.errors import ConfigError, LightUnavailable
from buildlight.patterns.fitting import fit
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, RHYTHMS, Channel, Frame
from support.fake_devices import HUE_ID, HUE_KEY, Gadget, Hue, Shelly, Tasmota

RED, AMBER, GREEN = (Frame.of({each: 1}) for each in (Channel.RED, Channel.AMBER, Channel.GREEN))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for between two changes."""
    monkeypatch.setattr(http_light, "PACE", 0.0)
    monkeypatch.setattr(http_light, "PAUSE", 0.0)


@pytest.fixture
def gadget() -> Iterator[Gadget]:
    """Plug somebody's own gadget in."""
    with Gadget() as light:
        yield light


def states(host: str, *more: str) -> dict[str, str]:
    """Return an address for each state."""
    return {state: f"http://{host}/{state}" for state in ("red", "amber", "green", "off", *more)}


def opened(**keys: Any) -> HttpLight:
    """Return the light of *keys*."""
    return HttpLight(HttpLightOptions.model_validate(keys))


def fault(light: HttpLight, frame: Frame = RED) -> str:
    """Return why *light* cannot show *frame*."""
    with pytest.raises(LightUnavailable) as caught:
        light.show(frame)
    return str(caught.value)


# What is sent.


def test_each_state_is_a_request(gadget: Gadget) -> None:
    """Only a change is sent, and off at the end."""
    light = opened(states=states(gadget.host, "red+amber"))
    for frame in (RED, RED, AMBER, Frame.of({Channel.RED: 1, Channel.AMBER: 1}), DARK, GREEN):
        light.show(frame)
    light.close()
    light.close()

    told = ["red", "amber", "red+amber", "off", "green", "off"]
    assert gadget.asked == [("GET", f"/{each}") for each in told]
    assert gadget.lit == frozenset()


def test_a_table_has_method_headers_and_body(
    gadget: Gadget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the secret where it belongs, in any of them; several are sent in order."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_PLUG", "t0ken")
    seen: list[tuple[str, str, str, bytes]] = []

    def obey(method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        seen.append((method, target, headers.get("X-Key", ""), body))
        return 200, {"ok": 1}

    gadget.obey = obey  # type: ignore[method-assign]
    url = f"http://{gadget.host}"
    red = [
        {"url": f"{url}/a?k={{secret}}", "method": "PUT", "headers": {"X-Key": "1"}, "body": "{}"},
        {"url": f"{url}/b", "body": '{"key": "{secret}"}'},
    ]
    light = opened(states={"red": red, "off": f"{url}/off"}, secret="plug", headers={"X-Key": "0"})
    light.show(RED)

    assert seen == [
        ("PUT", "/a?k=t0ken", "1", b"{}"),
        ("POST", "/b", "0", b'{"key": "t0ken"}'),
    ]
    assert "t0ken" not in repr(light._options)


def test_nothing_changes_more_than_once_a_second(
    gadget: Gadget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rhythms are slow enough, and what comes sooner has to wait."""
    waits: list[float] = []
    monkeypatch.setattr(http_light, "PACE", 1.0)
    monkeypatch.setattr(time, "sleep", waits.append)
    light = opened(states=states(gadget.host))
    light.show(RED)
    light.show(AMBER)

    assert waits[0] <= 0 < waits[1] <= 1.0
    options = light._options
    for name in RHYTHMS:
        fitted = fit(
            parse_pattern(f"red {name}"), options.channels, dims=options.dims, pace=options.pace
        )
        for (seconds, one), (_, other) in pairwise(fitted.strokes[0].rhythm):
            assert one == other or seconds >= 1.0


# What is answered.


def test_an_answer_that_is_expected_confirms(gadget: Gadget) -> None:
    """Else it is only told; another answer is a lost light."""
    table = {
        state: {"url": url, "expect": f'"state":"{state}"'}
        for state, url in states(gadget.host).items()
    }
    light = opened(states=table)
    plain = opened(states=states(gadget.host))
    light.show(RED)
    plain.show(RED)
    gadget.answers = [(200, b'{"state":"red"}')] * 2

    assert (light.known, plain.known) == (Known.CONFIRMED, Known.TOLD)
    assert "answered something else than expected" in fault(light, GREEN)


@pytest.mark.parametrize(
    ("status", "sentence", "times"),
    [
        (404, "answered with status 404; check url, method and body", 1),
        (401, "answered with status 401; it rejected the credentials; check secret", 1),
        (302, "answered with status 302; it redirects; write the final address as url", 1),
        (503, "answered with status 503; is it busy?", 2),
    ],
)
def test_a_status_that_is_not_good_is_a_lost_light(
    gadget: Gadget, status: int, sentence: str, times: int
) -> None:
    """A busy one is asked once more before."""
    gadget.answers = [(status, b"")] * times
    light = opened(states=states(gadget.host))

    assert fault(light).startswith(f"{gadget.host} {sentence}")
    light.show(RED)
    assert gadget.lit == {"red"}


def test_one_busy_answer_is_no_lost_light(gadget: Gadget) -> None:
    """It is sent once more."""
    gadget.answers = [(503, b"")]
    light = opened(states=states(gadget.host))
    light.show(RED)

    assert gadget.lit == {"red"}


def test_a_light_that_is_gone_is_told(gadget: Gadget) -> None:
    """With the host, and without the address: a token may be in it."""
    light = opened(states=states(gadget.host))
    gadget.close()

    assert fault(light) == f"connection to {gadget.host} refused; check the host"
    light.close()
    assert fault(light) == "the light is closed"


def test_it_conforms(gadget: Gadget) -> None:
    """With everything that the daemon could show it, until it is unplugged."""
    check_driver(HttpLight, {"states": states(gadget.host)}, unplug=gadget.close)


# Devices.


def test_a_shelly_is_confirmed() -> None:
    """Three relays of a tower; one that stays as it was is a lost light."""
    with Shelly() as device:
        light = opened(device="shelly", host=device.host, channels=["red", "amber", "green"])
        light.show(Frame.of({Channel.RED: 1, Channel.AMBER: 1}))
        assert (device.lit, light.known) == ({0, 1}, Known.CONFIRMED)
        light.show(GREEN)
        assert device.lit == {2}
        device.stuck = True
        assert "answered something else than expected" in fault(light)
        device.stuck = False
        light.close()
        assert device.lit == frozenset()
        short = opened(
            device="shelly", host=device.host, channels=["red", "amber", "green", "buzzer"]
        )
        assert "status 404" in fault(short)


def test_a_tasmota_is_confirmed() -> None:
    """Relays are counted from 1."""
    with Tasmota() as device:
        light = opened(device="tasmota", host=device.host, channels=["red", "green"])
        light.show(GREEN)
        assert (device.lit, light.known) == ({2}, Known.CONFIRMED)
        light.close()
        assert device.lit == frozenset()


def test_a_tasmota_bulb_mixes_colours() -> None:
    """What it answers has two more digits for white."""
    with Tasmota() as device:
        light = opened(device="tasmota-rgb", host=device.host)
        light.show(AMBER)

        assert (device.lit, light.known) == ({"FF7E00"}, Known.CONFIRMED)


def test_hue_is_driven_with_the_bridges_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is the bridge's id, not its address; another certificate is refused."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_HUE", HUE_KEY)
    bridge, other = trustme.CA(), trustme.CA()
    for name, authority in (("bridge", bridge), ("other", other)):
        authority.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    bridge.issue_cert("001788fffe123456").configure_cert(tls)
    keys = {"device": "hue", "light": HUE_ID, "secret": "hue", "server_name": "001788fffe123456"}
    with Hue(tls=tls) as device:
        light = opened(**keys, host=device.host, ca_file=str(tmp_path / "bridge.pem"))
        light.show(RED)
        lit, known = device.lit, light.known
        light.close()
        assert device.lit == frozenset()
        wrong = opened(**keys, host=device.host, ca_file=str(tmp_path / "other.pem"))
        assert "the certificate is not trusted" in fault(wrong)
        named = opened(
            **{**keys, "server_name": "other"},
            host=device.host,
            ca_file=str(tmp_path / "bridge.pem"),
        )
        assert "the certificate is not trusted" in fault(named)

    assert lit == {"x": 0.6401, "y": 0.33}
    assert known is Known.TOLD  # The bridge accepts what a bulb without power does not show.


def test_colours_are_where_cie_has_them() -> None:
    """Pure red and white of sRGB; green is left of both."""
    assert xy_of((255, 0, 0)) == pytest.approx((0.64, 0.33), abs=0.001)
    assert xy_of((255, 255, 255)) == pytest.approx((0.3127, 0.329), abs=0.001)
    assert xy_of((0, 255, 0)) == pytest.approx((0.30, 0.60), abs=0.001)


# What is configured.

OFF = {"off": "http://x/off"}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({}, "needs states ="),
        ({"states": {"red": "http://x/r"}}, "has no command for off"),
        ({"states": {"purple": "http://x/r", **OFF}}, "is not a state"),
        ({"states": {"red": "x/r", **OFF}}, "is not an address; write it as http://"),
        ({"states": {"red": "ftp://x/r", **OFF}}, "is not an address"),
        ({"states": {"red": "http://x:99999/", **OFF}}, "is not an address"),
        ({"states": {"red": "http://x/a b", **OFF}}, "spaces as %20"),
        ({"states": {"red": "http://u:p@x/", **OFF}}, "has a user in it"),
        ({"states": {"red": "http://{secret}/", **OFF}}, "has {secret} in the host"),
        ({"states": {"red": "http://x/{token}", **OFF}}, "has the placeholder {token}; only"),
        ({"states": {"red": "http://x/{secret}", **OFF}}, "secret is missing"),
        ({"states": {"red": "http://x/", **OFF}, "secret": "nosuch"}, "secret nosuch not found"),
        ({"states": {"red": {"url": "http://x/", "method": "PATCH"}, **OFF}}, "'PUT'"),
        (
            {"states": {"red": {"url": "http://x/", "method": "GET", "body": "b"}, **OFF}},
            "method GET has no body",
        ),
        (
            {"states": {"red": {"url": "http://x/", "headers": {"a b": "c"}}, **OFF}},
            "is not a header",
        ),
        (
            {"states": {"red": {"url": "http://x/", "headers": {"Host": "c"}}, **OFF}},
            "has Host, which buildlight sets itself",
        ),
        (
            {"states": {"red": {"url": "http://x/", "headers": {"A": "b\nC: d"}}, **OFF}},
            "is not a header",
        ),
        ({"states": {"red": [], **OFF}}, "has no request"),
        ({"device": "shelly"}, 'device = "shelly" needs host'),
        ({"device": "shelly", "host": "x"}, 'device = "shelly" needs channels'),
        ({"device": "shelly", "host": "http://x", "channels": ["red"]}, "without http://"),
        ({"device": "shelly", "host": "x", "channels": ["red", "red"]}, "names a channel twice"),
        ({"device": "tasmota-rgb", "host": "x", "channels": ["red"]}, "channels does not belong"),
        ({"device": "hue", "host": "x"}, 'device = "hue" needs light'),
        ({"device": "hue", "host": "x", "light": "l"}, "secret is missing"),
        ({"device": "shelly", "host": "x", "states": {"red": "http://x/", **OFF}}, "one of them"),
        ({"states": {"red": "http://x/", **OFF}, "ca_file": "/no"}, "the file does not exist"),
        ({"states": {"red": "http://x/", **OFF}, "server_name": "a"}, "are for https addresses"),
    ],
)
def test_a_mistake_is_told(keys: Mapping[str, Any], sentence: str) -> None:
    """In one sentence, before anything is sent."""
    with pytest.raises(ValidationError) as caught:
        HttpLightOptions.model_validate(keys)
    assert sentence in "; ".join(error["msg"] for error in caught.value.errors())


def test_a_secret_that_is_not_used_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was meant to go somewhere."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_PLUG", "t0ken")
    with pytest.raises(ValidationError, match="secret is not used"):
        HttpLightOptions.model_validate({"states": {"red": "http://x/", **OFF}, "secret": "plug"})


def test_mistakes_name_their_key() -> None:
    """As the daemon tells them."""
    lamp = {"driver": "http", "states": {"red": "x", "off": "http://x/?token=s3cret"}}
    settings = {"feeds": [{"url": "http://ci.example/cc.xml"}], "lamps": [lamp, lamp]}

    with pytest.raises(ConfigError) as caught:
        check_settings(settings)

    assert "lamps[0].states.red" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_two_lamps_cannot_have_one_light() -> None:
    """What switches both off is the same; the address is told without its tokens."""
    made = HttpLightOptions.model_validate(
        {"states": {"red": "http://x/r", "off": "http://x/o?token=s3cret"}}
    )
    other = HttpLightOptions.model_validate(
        {"states": {"red": "http://x/r", "off": "http://x/o?id=2"}}
    )

    assert made.claims != other.claims
    assert "s3cret" not in str(made.claims)
    assert made == made.model_copy()
