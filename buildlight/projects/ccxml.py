"""The standard's documents: bytes in, projects out (https://cctray.org/v1/). Pure.

Servers bend the standard in every direction, so this reader is strict about what could make a
lamp lie (another root, a document cut short) and lenient about everything else.
"""

from collections.abc import Generator, Iterable, Mapping
from datetime import UTC, datetime
from xml.etree.ElementTree import Comment, Element, ParseError, SubElement, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from buildlight.errors import FeedError, FeedMalformed, FeedRefused
from buildlight.projects.project import Message, Project, is_mark
from buildlight.wording import count

MAX_BYTES = 16 * 2**20
"""Largest document, in decoded bytes. The largest known one has 160 kB."""
MAX_DEPTH = 16
"""Deepest nesting: 2 million nested tags take 500 MB."""
MAX_PROJECTS = 50_000
MAX_MESSAGES = 50
"""Most messages kept of one project."""
SLICE = 64 * 2**10
"""Bytes given to expat at a time, and the most that it may take without finding anything:
expat 2.5 takes quadratic time for one long token, and longer in smaller slices."""

MARK = "buildlight:"
"""The beginning of a comment with marks: of all rows, or of the row that contains it."""
MAX_MARKS = 16
"""Most marks kept of one row: longer chains of daemons do not occur."""

LONGEST_NAME, LONGEST_REASON = 40, 80
"""Most characters of a root's name, or of expat's message, that a sentence repeats."""

ROOTS = frozenset({"Projects", "CruiseControl"})
"""Roots of a feed: the standard's, and that of CruiseControl.NET's XmlServerReport.aspx."""

PLACEHOLDERS = frozenset({"repo does not exist or token missing", "unknown - unknown"})
"""Names of rows that do not stand for projects: woodpecker-ci/woodpecker:server/api/badge.go, and
Kraken-CI/kraken:server/kraken/server/badge.py, whose stand-in for a wrong address is a success."""

# The meaning of a well-formed document that is not a feed, by its root.
_REFUSALS: Mapping[str, str] = {
    "access-denied": "access-denied: the server requires authentication; set auth",
    "html": "html: the server sent a web page, perhaps a login page; "
    "check the address and whether the server requires authentication",
}


def parse(document: bytes) -> tuple[Project, ...]:
    """Return the projects of *document*, in its order; a feed may be empty.

    Raises :class:`FeedMalformed` if it is not a complete feed within the limits of this module,
    :class:`FeedRefused` if it is a refusal of the server.
    """
    parsing = parse_in_slices(document)
    while True:
        try:
            next(parsing)
        except StopIteration as done:
            return tuple(done.value)


def parse_in_slices(document: bytes) -> Generator[None, None, tuple[Project, ...]]:
    """Do what :func:`parse` does, a slice of :data:`SLICE` bytes at a time.

    The caller can do other work between slices; the generator returns the projects.
    """
    if len(document) > MAX_BYTES:
        raise FeedMalformed(f"larger than {MAX_BYTES // 2**20} MiB; is it a feed?")
    document = document.lstrip()  # XML allows no blank line before the declaration (Concourse)
    # White space at the end stays: one byte of it may be half a character of UTF-16.
    document = document[: len(document.rstrip()) + 1]
    if not document:
        raise FeedMalformed("an empty answer; check the address")
    target = _Feed()
    parser = _parser(target)
    try:
        for start in range(0, len(document), SLICE):
            events = target.events
            parser.feed(document[start : start + SLICE])
            if target.events == events and start + SLICE < len(document):
                raise FeedMalformed(f"a single piece of {SLICE // 1024} KiB; is it a feed?")
            yield
        parser.close()
    except FeedError:
        raise
    except DefusedXmlException as exc:
        raise FeedMalformed("declares XML entities, which no feed needs") from exc
    except (ParseError, ValueError, LookupError) as exc:
        raise _not_xml(document, target, exc) from exc
    for project in target.projects:
        if project.name in PLACEHOLDERS:
            raise FeedRefused(f"the server says: {project.name}; check the address and the token")
    return tuple(target.projects)


def _parser(target: "_Feed") -> DefusedXMLParser:
    """Return a parser that refuses entities, and passes the rest directly to *target*.

    ElementTree's own handlers, which are Python here, would rewrite each name and copy each
    attribute: that is a third of the time that a document takes.
    """
    parser = DefusedXMLParser(target=target)
    expat = parser.parser
    expat.ordered_attributes = False
    expat.StartElementHandler = target.start
    expat.EndElementHandler = target.end
    expat.CharacterDataHandler = target.data
    return parser


def write(projects: Iterable[Project], *, origin: str = "") -> bytes:
    """Return the standard's document of *projects*; attributes that are empty are left out.

    *origin* is the daemon that writes it. Marks are comments: other clients skip them, and the
    schema allows them.

    The attributes that the standard requires are always present, except for an unknown time.
    Breakers have the form of CruiseControl.NET and GoCD.
    """
    root = Element("Projects")
    if origin:
        root.append(Comment(f"{MARK} {origin}"))
    for project in projects:
        attributes = {
            "name": project.name,
            "activity": project.activity,
            "lastBuildStatus": project.last_build_status,
            "lastBuildLabel": project.last_build_label,
            "lastBuildTime": _written(project.last_build_time),
            "nextBuildTime": _written(project.next_build_time),
            "webUrl": project.web_url,
        }
        told = {name: text for name, text in attributes.items() if text or name in _REQUIRED}
        element = SubElement(root, "Project", told)
        if project.marks:
            element.append(Comment(" ".join((MARK, *project.marks))))
        if project.messages:
            messages = SubElement(element, "messages")
            for message in project.messages:
                SubElement(messages, "message", {"text": message.text, "kind": message.kind})
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


_REQUIRED = frozenset({"name", "activity", "lastBuildStatus", "webUrl"})


def _written(time: datetime | None) -> str:
    return "" if time is None else time.isoformat().replace("+00:00", "Z")


def _not_xml(document: bytes, target: "_Feed", exc: Exception) -> FeedError:
    if document[:14].lower().startswith((b"<!doctype html", b"<html")):
        return FeedRefused(_REFUSALS["html"])
    if not target.root:
        return FeedMalformed("not XML; does the address lead to a cc.xml feed?")
    read = f"after {count(len(target.projects), 'project')}"
    if any(end in str(exc) for end in _ENDS):
        return FeedMalformed(f"cut short {read}")
    why = f" ({exc})" if len(str(exc)) <= LONGEST_REASON else ""
    return FeedMalformed(f"not well-formed XML {read}{why}")


# expat's messages for a document that ends too soon.
_ENDS = frozenset(
    {"no element found", "unclosed token", "unclosed CDATA section", "partial character"}
)


class _Feed:
    """Target of the parser: collects projects, and raises for anything that no feed contains."""

    def __init__(self) -> None:
        self.projects: list[Project] = []
        self.root = ""
        self.events = 0
        self._depth = 0
        self._attributes: dict[str, str] | None = None
        self._messages: list[Message] = []
        self._origins: tuple[str, ...] = ()
        self._marks: tuple[str, ...] = ()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take a start tag; attributes with a namespace are ignored."""
        self.events += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FeedMalformed(f"nested deeper than {MAX_DEPTH} elements; is it a feed?")
        name = tag.rpartition("}")[2]
        if not self.root:
            self._open_root(name)
        elif name == "Project":
            if self._attributes is not None:
                raise FeedMalformed("has a project within a project; is it a feed?")
            self._attributes = attributes
            self._messages = []
            self._marks = ()
        elif (
            name == "message"
            and self._attributes is not None
            and len(self._messages) < MAX_MESSAGES
        ):
            message = Message(attributes.get("text", ""), attributes.get("kind", ""))
            self._messages.append(message)

    def end(self, tag: str) -> None:
        """Take an end tag."""
        self.events += 1
        self._depth -= 1
        if self._attributes is None or tag.rpartition("}")[2] != "Project":
            return
        if len(self.projects) == MAX_PROJECTS:
            raise FeedMalformed(f"more than {MAX_PROJECTS} projects; ask the server for a view")
        marks = self._origins + self._marks
        self.projects.append(_project(self._attributes, tuple(self._messages), marks))
        self._attributes = None

    def data(self, _text: str) -> None:
        """Take text, which has no meaning in a feed."""
        self.events += 1

    def comment(self, text: str) -> None:
        """Take a comment, which has no meaning unless another buildlight wrote it."""
        self.events += 1
        if not text.startswith(MARK):
            return
        # Other text could be a token, and marks are passed on to other clients.
        marks = tuple(word for word in text.split() if is_mark(word))[:MAX_MARKS]
        if self._attributes is None:
            self._origins = marks
        else:
            self._marks = marks

    def close(self) -> None:
        """End the document; the projects are in :attr:`projects`."""

    def _open_root(self, name: str) -> None:
        self.root = name
        if name in ROOTS:
            return
        sentence = _REFUSALS.get(name.lower())
        if sentence is None:
            # Left out, not shortened: half of an echoed token would not be recognised as a secret.
            told = f"<{name}>" if len(name) <= LONGEST_NAME else "something else"
            raise FeedMalformed(f"the root is {told}, not <Projects>; is it a feed?")
        raise FeedRefused(sentence)


def _project(
    attributes: Mapping[str, str], messages: tuple[Message, ...], marks: tuple[str, ...]
) -> Project:
    return Project(
        name=attributes.get("name", ""),
        activity=attributes.get("activity", ""),
        last_build_status=attributes.get("lastBuildStatus", ""),
        last_build_label=attributes.get("lastBuildLabel", ""),
        last_build_time=parse_time(attributes.get("lastBuildTime", "")),
        next_build_time=parse_time(attributes.get("nextBuildTime", "")),
        web_url=attributes.get("webUrl", ""),
        messages=messages,
        marks=marks,
    )


def parse_time(text: str) -> datetime | None:
    """Return the time that *text* contains, or ``None``; never raises.

    Reads ISO 8601 as servers write it, Shipit's ``… UTC`` and Java's ``Date.toString()``. Of
    the latter's zones only UTC is read; other times stay naive, because no zone is guessed.
    """
    text = text.strip()
    if not text:
        return None
    for read in (_iso, _shipit, _java):
        try:
            return read(text)
        except (ValueError, OverflowError):
            continue
    return None


def _iso(text: str) -> datetime:
    # CruiseControl.NET sends seven digits after the point; fromisoformat ignores the last.
    return datetime.fromisoformat(text)


def _shipit(text: str) -> datetime:
    if not text.endswith(" UTC"):
        raise ValueError
    return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _java(text: str) -> datetime:
    # Not strptime: it reads the names of months in the language of the machine.
    _, month, day, clock, *zone, year = text.split()
    hour, minute, second = map(int, clock.split(":"))
    utc = UTC if zone in (["UTC"], ["GMT"]) else None
    return datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=utc)
