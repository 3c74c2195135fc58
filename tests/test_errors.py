"""What an error tells, and which facts it carries for whoever handles it."""

from buildlight.errors import ConfigError, DriverNotFound, FeedRefused, WorkerFailed


def test_all_mistakes_of_a_configuration_are_told() -> None:
    """One a line, so that somebody who mends a file need not start the program for each."""
    error = ConfigError("feeds[0].url: is missing", "lamps: there is none")

    assert error.mistakes == ("feeds[0].url: is missing", "lamps: there is none")
    assert str(error) == "feeds[0].url: is missing\nlamps: there is none"


def test_a_driver_that_nobody_installed_is_answered_with_those_there_are() -> None:
    """A slip is seen at once, and so is a package that was not installed."""
    error = DriverNotFound("gpoi", installed=iter(["console", "gpio"]))

    assert (error.name, error.installed) == ("gpoi", ("console", "gpio"))
    assert str(error) == "no such driver; installed are: console, gpio"
    assert error.mistakes == (str(error),)


def test_a_refusal_says_how_and_for_how_long() -> None:
    """The status if it was one of HTTP, and the rest that the server asked for, if it did."""
    polite = FeedRefused("429 Too Many Requests: raise interval", status=429, retry_after=600.0)
    silent = FeedRefused("the server says: no such repository")

    assert (polite.status, polite.retry_after) == (429, 600.0)
    assert str(polite) == "429 Too Many Requests: raise interval"
    assert (silent.status, silent.retry_after) == (None, None)


def test_a_failed_thread_is_told_with_what_it_means_for_the_lamps() -> None:
    """Whoever reads the log knows why the room is dark."""
    sentence = "a thread of this program failed (MemoryError); the lamps are dark"

    assert str(WorkerFailed("MemoryError")) == sentence
