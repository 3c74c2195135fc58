"""The keys of a light with an address, checked."""

import re
import ssl
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from buildlight.drivers import WAIT, DriverOptions
from buildlight.drivers.colour import MIXED
from buildlight.drivers.http.devices import DEVICES, DevicePlace
from buildlight.drivers.http.request import Headers, LightRequest, LightRequests
from buildlight.drivers.states import Lit, by_lit, check_states
from buildlight.patterns.pattern import Channel
from buildlight.redaction import shown
from buildlight.system.secret import Secret, find_secret

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")


def _host(host: object) -> object:
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        raise ValueError("is not a host; write it as lamp.local or 192.168.1.20, without http://")
    return host


class HttpLightOptions(DriverOptions):
    """The keys of a light with an address."""

    states: Mapping[str, LightRequests] = Field(
        default={},
        description="table of the request for each set of channels that the light can show: an "
        'address, `{ red = "http://lamp/red", off = "http://lamp/off" }`, a table with `url`, '
        "`method`, `headers`, `body` and `expect`, or a list of those, sent in order; `off` is "
        "required; `{secret}` stands for the secret",
    )
    device: Literal["shelly", "tasmota", "tasmota-rgb", "hue"] | None = Field(
        default=None, description="kind of device whose requests are known, instead of `states`"
    )
    host: Annotated[str, BeforeValidator(_host)] | None = Field(
        default=None, description="name or IP address of the `device`"
    )
    order: tuple[Channel, ...] = Field(
        default=(),
        alias="channels",
        max_length=16,
        description="list of channels, in the order of the outputs of a `shelly` or `tasmota`",
    )
    light: str | None = Field(
        default=None,
        pattern="^[0-9A-Za-z-]+$",
        description="id of a Hue light, from `/clip/v2/resource/light`",
    )
    headers: Headers = Field(default={}, description="headers of every request")
    secret: str | None = Field(
        default=None, min_length=1, description="name of the secret that `{secret}` stands for"
    )
    ca_file: str | None = Field(
        default=None,
        description="file with the certificate that an https address has to show, or with the "
        "one that signed it",
    )
    server_name: str | None = Field(
        default=None,
        pattern="^[0-9A-Za-z.-]+$",
        description="name in the certificate, if it is not the host: the id of a Hue bridge",
    )
    wait_for_light: bool = Field(default=True, description=WAIT)

    _secret: Secret | None = PrivateAttr(default=None)

    @field_validator("states")
    @classmethod
    def _known_states(
        cls, states: Mapping[str, tuple[LightRequest, ...]]
    ) -> Mapping[str, tuple[LightRequest, ...]]:
        return check_states(states)

    @field_validator("order")
    @classmethod
    def _one_output_a_channel(cls, order: tuple[Channel, ...]) -> tuple[Channel, ...]:
        if len({*order}) < len(order):
            raise ValueError("names a channel twice")
        return order

    @field_validator("secret")
    @classmethod
    def _secret_is_there(cls, secret: str | None) -> str | None:
        if secret is not None:
            find_secret(secret)
        return secret

    @field_validator("ca_file")
    @classmethod
    def _certificate_is_there(cls, file: str | None) -> str | None:
        if file is not None:
            _trusting(file)
        return file

    @model_validator(mode="after")
    def _keys_belong_together(self) -> Self:
        if (self.device is None) == (not self.states):
            raise ValueError(
                'needs states = { red = "http://…", off = "http://…" }, or device = '
                f"{' or '.join(map(repr, DEVICES))}; one of them"
            )
        for key in ("host", "channels", "light"):
            value = self.order if key == "channels" else getattr(self, key)
            wanted = self.device is not None and key in ("host", *DEVICES[self.device].needs)
            if wanted and not value:
                raise ValueError(f'device = "{self.device}" needs {key}')
            if value and not wanted:
                raise ValueError(f"{key} does not belong to {self.device or 'states'}")
        return self

    @model_validator(mode="after")
    def _secrets_are_used(self) -> Self:
        used = any(request.needs_secret for request in self.requests(self._some))
        used |= any("{secret}" in text for text in self.headers.values())
        used |= any(each.needs_secret for state in self.states.values() for each in state)
        if used and self.secret is None:
            raise ValueError("secret is missing, and {secret} stands for it; write its name")
        if self.secret is not None and not used:
            raise ValueError("secret is not used; write {secret} where it belongs")
        secure = any(each.url.startswith("https:") for each in self.requests(frozenset()))
        if not secure and (self.ca_file or self.server_name):
            raise ValueError("ca_file and server_name are for https addresses")
        if self.device == "hue" and self.ca_file is None:
            raise ValueError(
                'device = "hue" needs ca_file, the certificate of the bridge; '
                "the manual says how to get it"
            )
        self._secret = find_secret(self.secret) if self.secret else None
        return self

    @property
    def _some(self) -> Lit:
        return next((lit for lit in by_lit(self.states) if lit), frozenset())

    def requests(self, lit: Lit) -> tuple[LightRequest, ...]:
        """Return the requests that light exactly *lit*; none if there is no such state."""
        if self.device is None:
            return by_lit(self.states).get(lit, ())
        place = DevicePlace(self.host or "", self.order, self.light or "")
        return DEVICES[self.device].requests(place, lit)

    @property
    def secret_value(self) -> str:
        """The secret itself."""
        return self._secret.value if self._secret else ""

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What an https address has to show, if that is configured."""
        return _trusting(self.ca_file) if self.ca_file else None

    @property
    def channels(self) -> frozenset[Channel]:
        """Those of the states, or of the device's outputs."""
        if self.device is None:
            return frozenset().union(*by_lit(self.states))
        return frozenset(self.order) if DEVICES[self.device].relays else MIXED

    def combines(self, lit: Lit) -> bool:
        """Return whether there is a request for *lit*."""
        return lit in by_lit(self.states) if self.device is None else lit <= self.channels

    @property
    def pace(self) -> float:
        """No light of this kind is asked for more than one change a second."""
        return 5.0

    @property
    def claims(self) -> frozenset[str]:
        """What switches it off: two lamps with the same are one light."""
        requests = self.requests(frozenset())
        content = "".join(f"{each.verb} {each.url} {each.body}" for each in requests)
        mark = sha256(content.encode()).hexdigest()[:8]
        return frozenset({f"the light at {shown(requests[0].url)} (state off {mark})"})


def _trusting(file: str) -> ssl.SSLContext:
    """Return what trusts the certificate in *file* and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # A bridge signs its own certificate, which is no authority's.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cafile=Path(file).expanduser())
    except FileNotFoundError:
        raise ValueError("the file does not exist") from None
    except (OSError, ssl.SSLError):
        raise ValueError("is not a readable file with a certificate (PEM)") from None
    return context
