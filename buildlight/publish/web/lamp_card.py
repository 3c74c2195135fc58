"""A lamp as a card: its word, colour and mark, one sentence, and the rule behind *Why?*. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

from buildlight.patterns.known import Known
from buildlight.projects.signal import RANKS
from buildlight.publish.web.moments import because_of, moment_html, plain
from buildlight.publish.web.svg import lamp_svg
from buildlight.redaction import printable
from buildlight.report.report import LampReport, Report
from buildlight.report.shown import Light

WIDE = 2_000
"""Most characters of a sentence, which may contain several names."""

SIGNALS: Mapping[str, tuple[str, str]] = {
    "broken": ("✕", "Broken"),
    "broken-stale": ("✕", "Broken, the rest unknown"),
    "broken-building": ("✕", "Broken, being built"),
    "broken-building-stale": ("✕", "Broken, being built, the rest unknown"),
    "stale": ("?", "Unknown"),
    "passing-building": ("✓", "Passing, building"),
    "passing": ("✓", "Passing"),
    "none-building": ("…", "First build running"),
    "none": ("…", "No build yet"),
}
"""A sign and words for each signal, by its name in :data:`signal.RANKS`."""

CLOSED = ("☾", "Closed")
"""The same for a lamp whose office is closed: it shows less than it knows, on purpose."""

LIGHTS: Mapping[Light, str] = {
    Light.WAITING: "Waiting for its light.",
    Light.LOST: "Its light is lost.",
}
KNOWN: Mapping[Known, str] = {
    Known.CONFIRMED: "Confirmed: what the light shows was read back.",
    Known.TOLD: "Told: the light took it, and cannot be asked what it shows.",
}


def looks(lamp: LampReport | None) -> tuple[str, str, str]:
    """Return class, sign and words of *lamp*; without one nothing is known."""
    if lamp is not None and lamp.closed:
        return ("closed", *CLOSED)
    name = RANKS[lamp.signal] if lamp else "stale"
    return (name, *SIGNALS[name])


def lamp_card(lamp: LampReport, report: Report, *, now: float) -> str:
    """Return the card of *lamp*, *now* in seconds as in :class:`feed_state.Reading`."""
    name, sign, words = looks(lamp)
    verb = "shows" if lamp.light is Light.OK else "would show"
    return (
        f'<article class="{name}">{lamp_svg(lamp, elapsed=now - lamp.began)}<div>'
        f'<h2><small><a dir="auto" href="/wall?lamp={quote(lamp.name)}">{escape(lamp.name)}</a>'
        "</small>"
        f'<span class="sign" aria-hidden="true">{sign}</span> {words}</h2>'
        f'<p class="because">{because_html(lamp, report)}</p>'
        f"{_lost(lamp)}{faults(lamp.warnings)}"
        f'<details class="why" data-lamp="{escape(lamp.name)}"><summary>Why?</summary>'
        f"<p>{sentence(lamp.rule)} It changes when "
        f"{escape(printable(lamp.until, limit=WIDE))}.</p>"
        f"<p>{escape(lamp.name)} {verb} <b>{escape(lamp.pattern.text)}</b> since "
        f"{moment_html(lamp.since, clock=report.at)}.{_known(lamp)}</p></details></div></article>"
    )


TONES: Mapping[str, str] = {
    "broken": "#b3160f",
    "passing": "#13703a",
    "stale": "#8f4a00",
    "none": "#46536a",
    "closed": "#3c3f48",
}
"""The colours of the style sheet, by the beginning of a class."""


def badge_svg(lamp: LampReport | None) -> str:
    """Return the state of *lamp* as a small picture for other pages."""
    name, sign, words = looks(lamp)
    told = f"{sign} {words}"
    width = 16 + 8 * len(told)
    tone = TONES[name.partition("-")[0]]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="24" role="img" '
        f'aria-label="{words}"><title>{words}</title><rect width="{width}" height="24" rx="5" '
        f'fill="{tone}"/><text x="{width / 2:g}" y="16.5" fill="#fff" text-anchor="middle" '
        f'font-family="system-ui,sans-serif" font-size="13" font-weight="600">{told}</text></svg>'
    )


def because_html(lamp: LampReport, report: Report) -> str:
    """Return why *lamp* looks as it does, as a sentence."""
    pieces = because_of(lamp, clock=report.at)
    told = "".join(
        escape(printable(each, limit=WIDE))
        if isinstance(each, str)
        else moment_html(each, clock=report.at)
        for each in pieces
    )
    if lamp.closed:  # Else it may begin with a name.
        told = told[:1].upper() + told[1:]
    return told if plain(pieces, clock=report.at).endswith((".", "?", "!")) else f"{told}."


def said(lamp: LampReport, report: Report) -> str:
    """Return what a screen reader says of *lamp*."""
    because = printable(plain(because_of(lamp, clock=report.at), clock=report.at), limit=WIDE)
    told = f"{lamp.name}: {looks(lamp)[2]}: {because}"
    return told if lamp.light is Light.OK else f"{told}. {LIGHTS[lamp.light]} {_trouble(lamp)}"


def _lost(lamp: LampReport) -> str:
    if lamp.light is Light.OK:
        return ""
    trouble = sentence(_trouble(lamp))
    return f'<p><strong class="doubt">{LIGHTS[lamp.light]}</strong> {trouble}</p>'


def _known(lamp: LampReport) -> str:
    return f" {KNOWN[lamp.known or Known.TOLD]}" if lamp.light is Light.OK else ""


def _trouble(lamp: LampReport) -> str:
    return printable(lamp.light_because or "", limit=WIDE)


def faults(sentences: Sequence[str]) -> str:
    """Return *sentences* about what is wrong, a paragraph each."""
    return "".join(
        f'<p class="fault">{sentence(printable(each, limit=WIDE))}</p>' for each in sentences
    )


def sentence(text: str) -> str:
    """Return *text* as an escaped sentence: with a capital letter and an end."""
    # Not capitalize(), which would change the names in the sentence.
    told = escape(text[:1].upper() + text[1:])
    return told + ("" if told.endswith((".", "?", "!")) else ".")
