"""The revision of each document."""

from buildlight.publish.mqtt.documents import topics_of
from buildlight.publish.mqtt.revisions import Revisions
from support.reports import a_feed, a_lamp, a_report, broken, known


def test_only_what_changed_gets_a_new_revision() -> None:
    """And the same report once more changes nothing."""
    web, till = a_feed(known()), a_feed(known("till"), name="till")
    lamps = [a_lamp("shelf", "web", "till")]
    first = a_report(web, till, lamps=lamps)
    revisions = Revisions()
    revisions.take(first)
    before = dict(revisions.numbers())
    revisions.take(first)
    assert revisions.numbers() == before

    revisions.take(a_report(a_feed(broken()), till, lamps=lamps))
    after = revisions.numbers()
    assert after["feed/till"] == before["feed/till"]
    assert after["feed/web"] > max(before.values())


def test_what_comes_back_is_not_taken_for_what_it_was() -> None:
    """A follower would take a lower revision for a late one."""
    both = a_report(a_feed(known()), a_feed(known("till"), name="till"))
    revisions = Revisions()
    revisions.take(both)
    highest = max(revisions.numbers().values())
    revisions.take(a_report(a_feed(known())))
    assert "feed/till" not in revisions.numbers()
    revisions.take(a_report(a_feed(known()), a_feed(known("till"), name="till")))
    assert revisions.numbers()["feed/till"] > highest
    assert [key for key, *_ in revisions] == [*revisions.numbers()]


def test_every_topic_is_below_the_name() -> None:
    """So that one rule of access covers them."""
    topics = topics_of("office")
    assert {topics.status, topics.beat, topics.event} == {
        f"buildlight/office/{each}" for each in ("status", "beat", "event")
    }
