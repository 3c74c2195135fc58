"""The keys of a table that names a broker: ``[mqtt]``, and feeds and lights behind one."""

from importlib.util import find_spec
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
)

from buildlight.errors import ConfigError
from buildlight.network.broker import Broker
from buildlight.network.tls import Tls
from buildlight.system.secret import Secret, find_secret

PORTS = {"mqtt": 1883, "mqtts": 8883}


MISSING = "needs the package aiomqtt; install the extra: pip install 'buildlight[mqtt]'"


def _address(text: str) -> str:
    if find_spec("aiomqtt") is None:
        raise ValueError(MISSING)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError('is not an address; write "mqtts://broker.example"') from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError('should begin with mqtt:// or mqtts://, as in "mqtts://broker.example"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or password; write them in user and secret")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("should end after the host or port; topics have keys of their own")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _secret(name: object) -> Secret:
    return name if isinstance(name, Secret) else find_secret(name)


class BrokerKeys(BaseModel):
    """Where the broker is, and how to log in."""

    address: Annotated[str, AfterValidator(_address)] = Field(
        description="address of the broker: `mqtts://HOST` with TLS (port 8883) or `mqtt://HOST` "
        "without (port 1883)"
    )
    user: str | None = Field(default=None, description="user name at the broker", min_length=1)
    secret: Annotated[Secret, BeforeValidator(_secret, json_schema_input_type=str)] | None = Field(
        default=None,
        validate_default=False,
        description="name of the secret with the password, or the absolute path of its file",
    )
    ca_file: str | None = Field(
        default=None,
        description="file with certificates (PEM) to trust besides those of the system",
    )
    client_cert: str | None = Field(
        default=None,
        description="file with the certificate (PEM) that this machine shows to the broker",
    )
    client_key: str | None = Field(
        default=None,
        description="file with the key (PEM) of `client_cert`, if it is not in the same file",
    )

    @field_validator("ca_file", "client_cert", "client_key")
    @classmethod
    def _is_file(cls, path: str | None) -> str | None:
        if path is not None and not path.startswith("/"):
            raise ValueError("should be an absolute path: the service starts in another folder")
        return path

    @property
    def broker(self) -> Broker:
        """The broker that the keys describe."""
        parts = urlsplit(self.address)
        tls = Tls(self.ca_file, client_cert=self.client_cert, client_key=self.client_key)
        return Broker(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            user=self.user,
            password=self.secret.value if self.secret else None,
            make_context=tls.context if parts.scheme == "mqtts" else None,
        )

    @property
    def in_clear(self) -> str | None:
        """A warning, if the password crosses a network without TLS."""
        parts = urlsplit(self.address)
        if self.secret is None or parts.scheme == "mqtts" or _is_loopback(parts.hostname or ""):
            return None
        return "the password goes to the broker unencrypted; use mqtts://"


def broker_keys(
    address: str, *, user: str | None = None, secret: Secret | None = None
) -> BrokerKeys:
    """Return the keys of a command line; raises :class:`ConfigError` with what is wrong."""
    try:
        return BrokerKeys.model_validate({"address": address, "user": user, "secret": secret})
    except ValidationError as exc:
        why = exc.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"the broker's address {why}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
