"""The drawings of the guide are drawn from what lies beside them.

Drawing again needs tools that the tests do without: ``hardware/diagrams/draw --check`` does it.
Here each drawing's own stamp tells what it was drawn from.
"""

import re
import shutil
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from hardware.guide import CHAPTERS, DIAGRAMS, SVG, TABLE, diagrams, drawings_of, texts

drawing, header, stamp = (diagrams(each) for each in ("drawing", "header", "stamp"))

FILES = sorted(each.name for each in SVG.glob("*.svg"))
HEADERS = header.headers(TABLE)
STAMPED = [name for name in FILES if name not in HEADERS]


def svg(name: str) -> str:
    """Return a drawing."""
    return (SVG / name).read_text(encoding="utf-8")


def test_each_source_has_its_drawing() -> None:
    """Nothing is missing, and nothing is left of what is drawn no more."""
    assert {*FILES} == {*HEADERS, *stamp.sources()}


def test_each_drawing_is_shown() -> None:
    """A reader of the guide sees every drawing."""
    shown = {drawing for name in CHAPTERS for drawing in drawings_of(name)}

    assert shown == {*FILES}


@pytest.mark.parametrize("name", STAMPED)
def test_a_drawing_is_as_new_as_its_sources(name: str) -> None:
    """Who edits a source has to run hardware/diagrams/draw."""
    drawn_from, _ = stamp.stamp_of(svg(name))

    assert drawn_from == stamp.digest(stamp.sources()[name])


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_drawn_from_the_table(name: str) -> None:
    """Drawn once more, each header is the one that is shown."""
    assert svg(name) == HEADERS[name]


@pytest.mark.parametrize("name", TABLE["lamps"])
def test_a_header_shows_pin_name_and_colour_of_each_wire(name: str) -> None:
    """A reader finds physical pin, GPIO and colour at every wire, and 40 pins."""
    said = texts(f"{name}-header.svg")

    for wire in TABLE["lamps"][name]["wires"]:
        colour = f"{wire['colour']} wire to " if name != "pi-stop" else ""
        assert f"pin {wire['pin']} = {wire['is']}: {colour}{wire['to']}" in said
    assert [each for each in said if each.isdigit()] == [str(each) for each in range(1, 41)]


@pytest.mark.parametrize("name", HEADERS)
def test_the_texts_of_a_header_fit(name: str) -> None:
    """No label runs over the edge of its picture: a letter is at most 0.6 of the font's size."""
    for text in _root(name).iter("{http://www.w3.org/2000/svg}text"):
        x, width = (
            float(text.attrib["x"]),
            0.6 * int(text.attrib["font-size"]) * len(text.text or ""),
        )
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[text.attrib["text-anchor"]]
        assert 0 <= left <= left + width <= header.WIDTH, text.text


@pytest.mark.parametrize("name", FILES)
def test_a_drawing_stands_alone(name: str) -> None:
    """It is well-formed, of a size, and has nothing fetched from anywhere."""
    root = _root(name)

    assert root.tag.endswith("svg")
    assert root.get("viewBox")
    assert [each.tag for each in root.iter() if each.tag.endswith(("image", "script"))] == []
    assert re.findall(r'(?:href|src)="(?!#)[^"]*"|url\((?!#)', svg(name)) == []


def _root(name: str) -> Element:
    root: Element = ElementTree.fromstring(svg(name))
    return root


@pytest.mark.parametrize("line", (DIAGRAMS / "requirements.txt").read_text().splitlines())
def test_the_tools_are_pinned(line: str) -> None:
    """Everybody draws with the same versions."""
    assert line.startswith("#") or re.fullmatch(r"[\w-]+==[\d.]+", line)


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the drawings, which the check compares with."""
    monkeypatch.setattr(drawing, "SVG", shutil.copytree(SVG, tmp_path / "svg"))
    return tmp_path / "svg"


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("tower-wiring.svg", "", "", None),
        ("tower-wiring.svg", "GPIO17", "GPIO18", "does not come out of its sources"),
        ("tower-wiring.svg", 'stroke="#', 'stroke="#f', "does not come out of its sources"),
        ("tower-wiring.svg", "sources ", "sources 0", "was drawn from other sources"),
        ("tower-wiring.svg", "graphviz 2.", "graphviz 9.", None),
        ("tower-header.svg", "GPIO17", "GPIO18", "is out of date"),
    ],
)
def test_the_check_tells_a_drawing_that_differs(
    committed: Path, file: str, old: str, new: str, says: str | None
) -> None:
    """A drawing that was edited by hand, or not drawn again, is named with what is wrong."""
    drawn = svg(file)
    if old == "sources ":
        digits = stamp.stamp_of(drawn)[0]
        old, new = digits, "0" * len(digits)
    (committed / file).write_text(drawn.replace(old, new), encoding="utf-8")

    assert drawing.difference(file, drawn) == says


def test_other_tools_may_move_things_but_say_nothing_else(committed: Path) -> None:
    """Another version of Graphviz is no fault of the drawing, another pin is."""
    drawn = svg("tower-wiring.svg")
    elsewhere = drawn.replace("graphviz 2.", "graphviz 9.")
    moved = re.sub(r'x="(\d+)', r'x="1\1', elsewhere)
    (committed / "tower-wiring.svg").write_text(moved, encoding="utf-8")
    other_pin = elsewhere.replace("GPIO17", "GPIO18")

    assert moved != elsewhere
    assert drawing.difference("tower-wiring.svg", drawn) is None
    (committed / "tower-wiring.svg").write_text(other_pin, encoding="utf-8")
    assert drawing.difference("tower-wiring.svg", drawn) == "says something else than its sources"


def test_a_missing_drawing_is_told(committed: Path) -> None:
    """A drawing that nobody committed is named."""
    (committed / "tower-wiring.svg").unlink()

    assert drawing.difference("tower-wiring.svg", svg("tower-wiring.svg")) == "is missing"
