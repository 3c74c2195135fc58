"""What happened to builds, for whoever is told of an update."""

from dataclasses import replace

from buildlight.projects.feed_state import News
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import Event, ProjectEvent
from buildlight.report.update import build_events
from support.reports import a_feed, a_lamp, broken, known


def test_an_event_names_the_lamps_for_which_its_project_counts() -> None:
    """Only those that watch its feed, and choose the project as the feed does."""
    news = News(events=(ProjectEvent(Event.BROKEN, "shop", known(), broken()),))
    lamps = (
        a_lamp("watches"),
        a_lamp("chooses another", selection=Selection(include=("till",))),
        a_lamp("of another feed", "ci"),
    )

    (event,) = build_events([(a_feed(broken()), news)], lamps)
    (excluded,) = build_events([(a_feed(selection=Selection(exclude=("shop",))), news)], lamps)

    assert (event.event, event.feed, event.project) == (Event.BROKEN, "web", "shop")
    assert (event.before, event.after) == (known(), broken())
    assert event.breakers == ("alice, bob",)
    assert event.lamps == {"watches"}
    assert excluded.lamps == frozenset()


def test_an_event_holds_no_secret() -> None:
    """A server may repeat the token; hooks and logs get the event without it."""
    token = "s3cret-token"
    state = known(f"shop {token}", web_url=f"https://ci.example/?token={token}")
    feed = replace(a_feed(state), secrets=frozenset({token}))
    news = News(events=(ProjectEvent(Event.FIXED, state.project.name, None, state),))

    (event,) = build_events([(feed, news)], [a_lamp()])

    assert event.before is None
    assert token not in repr(event)
    assert event.lamps == {"lamp"}
