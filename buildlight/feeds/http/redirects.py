"""Where a redirect leads, and who must not get the secret."""

from buildlight.errors import FeedError, FeedRefused
from buildlight.feeds.http.messages import Request
from buildlight.network.http_library import httpx
from buildlight.redaction import holds_part, printable, scrub, shown

MAX_REDIRECTS = 5

_LAST_PORT = 65_535


def is_own_origin(url: str, request: Request) -> bool:
    """Return whether *url* is on the server of *request*: scheme, host and port."""
    one, other = httpx.URL(url), httpx.URL(request.url)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def target(response: httpx.Response, request: Request) -> str:
    """Return where *response* redirects to; raises :class:`FeedRefused` if that is unsafe."""
    before = response.request.url
    try:
        following = before.join(response.headers["Location"])
    except (httpx.InvalidURL, ValueError) as exc:
        raise FeedRefused(INVALID) from exc
    if following.scheme not in ("http", "https") or not following.host:
        raise FeedRefused("redirects to an address that is neither http nor https")
    if not 0 <= (following.port or 0) <= _LAST_PORT:
        raise FeedRefused(INVALID)  # anyio would raise an ExceptionGroup.
    if before.scheme == "https" and following.scheme == "http":
        raise FeedRefused("redirects from https to http, which is not encrypted; correct it")
    if is_own_origin(str(following), request):
        # A password in the address belongs to the whole server.
        return str(following.copy_with(userinfo=httpx.URL(request.url).userinfo))
    if scrub(str(following), request.secrets) != str(following):
        raise FeedRefused("redirects to another server with the secret; check the address")
    return str(following.copy_with(userinfo=b""))


INVALID = "redirects to an invalid address; correct it on the server"


def too_many(response: httpx.Response) -> FeedRefused:
    """Return the error for a chain of redirects that does not end; *response* is its last."""
    if "Set-Cookie" in response.headers:
        return FeedRefused(
            "redirects until a cookie is sent back, as login pages do; set auth, or exempt this "
            "address from the login"
        )
    return FeedRefused(f"redirects more than {MAX_REDIRECTS} times; check the address")


def explained(error: FeedError, url: str, request: Request) -> FeedError:
    """Return *error*, met at *url*; its sentence says so if a redirect of *request* led there."""
    if url == request.url:
        return error
    address = _shown_target(url, request.secrets)
    status = error.status if isinstance(error, FeedRefused) else None
    if status in _UNKNOWN_TO_STRANGERS and request.secrets and not is_own_origin(url, request):
        sentence = (
            f"redirected to another server, which gets no secret ({status}): if {address} is "
            "yours, write it in url"
        )
    else:
        sentence = f"a redirect leads to {address}: {error}"
    error.args = (sentence,)
    return error


def _shown_target(url: str, secrets: frozenset[str]) -> str:
    """Return *url* as a sentence may show it: without its path if that holds a part of a secret."""
    address = shown(url)
    if holds_part(address, secrets):
        address = str(httpx.URL(url).copy_with(raw_path=b"/", userinfo=b"", fragment=None))
    return printable(scrub(address, secrets), limit=80)


_UNKNOWN_TO_STRANGERS = (401, 403, 404)
