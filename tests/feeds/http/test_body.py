"""The body: decompressed, and limited in size."""

import gzip

import pytest

from buildlight.errors import FeedMalformed
from support.fetching import failure, get, with_peak
from support.servers import (
    ENDLESS,
    FEED,
    MEBIBYTE,
    Answer,
    FeedServer,
    gzip_bomb,
)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "GZIP"])
def test_a_compressed_answer_is_unpacked(server: FeedServer, encoding: str) -> None:
    """A server that compresses is read like any other."""
    packed = gzip.compress(FEED)
    server.answer = Answer(packed, headers={"Content-Encoding": encoding})

    body = get(server.url())

    assert body == FEED


def test_a_large_compressed_answer_arrives_whole(server: FeedServer) -> None:
    """A feed of several mebibytes loses nothing on the way through the unpacker."""
    body = b"".join(b'<Project name="shop-%d"/>\n' % number for number in range(200_000))
    server.answer = Answer(body).gzipped()

    assert get(server.url()) == body


def test_damaged_compression_is_malformed(server: FeedServer) -> None:
    """A proxy that breaks the compression is told from a feed that is broken."""
    server.answer = Answer(FEED, headers={"Content-Encoding": "gzip"})

    error = failure(server.url())

    assert type(error) is FeedMalformed
    assert str(error) == "damaged (it does not decompress); check any proxy"


def test_an_encoding_that_was_not_asked_for_is_malformed(server: FeedServer) -> None:
    """Brotli is not guessed at."""
    server.answer = Answer(FEED, headers={"Content-Encoding": "br"})

    error = failure(server.url())

    assert type(error) is FeedMalformed
    assert str(error) == "unknown Content-Encoding; configure the server or proxy to use gzip"


@pytest.mark.usefixtures("small")
def test_an_endless_answer_stops_at_the_limit(server: FeedServer) -> None:
    """A server that never ends fills neither the memory nor the network."""
    server.answer = ENDLESS

    error, peak = with_peak(lambda: failure(server.url()))

    assert type(error) is FeedMalformed
    assert str(error) == "larger than 1 MiB; is it a feed?"
    assert server.sent < 16 * MEBIBYTE  # The sockets' buffers hold some of it.
    assert peak < 8 * MEBIBYTE


@pytest.mark.usefixtures("small")
def test_a_gzip_bomb_stops_at_the_limit(server: FeedServer) -> None:
    """64 KiB that unpack to 64 MiB do not take 64 MiB."""
    server.answer = gzip_bomb(64)

    error, peak = with_peak(lambda: failure(server.url()))

    assert type(error) is FeedMalformed
    assert str(error) == "larger than 1 MiB; is it a feed?"
    assert peak < 8 * MEBIBYTE


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("start", "endless"),
    [
        (gzip.compress(FEED), b"x" * MEBIBYTE),
        (gzip.compress(FEED), gzip.compress(FEED)),
        (gzip.compress(FEED)[:10], b"\x00\x00\x00\xff\xff" * 4096),
    ],
    ids=["no gzip", "gzip again", "empty blocks"],
)
def test_what_decompresses_to_nothing_stops_at_the_limit(
    server: FeedServer, start: bytes, endless: bytes
) -> None:
    """Neither behind the end of the compressed data nor before it can a server send for ever."""
    much = endless * (64 * MEBIBYTE // len(endless))
    server.answer = Answer(start + much, headers={"Content-Encoding": "gzip"})

    error, peak = with_peak(lambda: failure(server.url()))

    assert type(error) is FeedMalformed
    assert str(error) == "larger than 1 MiB; is it a feed?"
    assert server.sent < 16 * MEBIBYTE  # The sockets' buffers hold some of it.
    assert peak < 8 * MEBIBYTE


@pytest.mark.parametrize("behind", [b"\n", bytes(512), gzip.compress(FEED)])
def test_what_follows_compressed_data_is_not_the_document(
    server: FeedServer, behind: bytes
) -> None:
    """Padding behind a good feed does no harm."""
    server.answer = Answer(gzip.compress(FEED) + behind, headers={"Content-Encoding": "gzip"})

    assert get(server.url()) == FEED


@pytest.mark.usefixtures("small")
def test_a_body_of_exactly_the_limit_is_taken(server: FeedServer) -> None:
    """The limit itself is allowed, one byte more is not."""
    server.answers = {"/full": Answer(bytes(MEBIBYTE)), "/over": Answer(bytes(MEBIBYTE + 1))}

    body = get(server.url("/full"))
    error = failure(server.url("/over"))

    assert len(body) == MEBIBYTE
    assert str(error) == "larger than 1 MiB; is it a feed?"
