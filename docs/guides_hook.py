"""Takes the guides of hardware/ and systemd/ into the manual when mkdocs builds it.

They stay in folders of their own: the wheel ships one, and the other lies beside its drawings.
Links from and to them are written for a forge; here they become links within the manual.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
GUIDES = ("hardware", "systemd")
PLACES = {
    "README.md": "index.md",
    "buildlight/shipped/buildlight.schema.json": "buildlight.schema.json",
}
SHOWN = {".md", ".svg", ".png"}
LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the guides to the *files* of the manual."""
    for path in sorted(each for guide in GUIDES for each in (ROOT / guide).rglob("*")):
        if path.suffix in SHOWN and "firmware" not in path.parts:
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    schema = ROOT / "buildlight" / "shipped" / "buildlight.schema.json"
    files.append(File.generated(config, schema.name, abs_src_path=str(schema)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Return *markdown* with its links as they are in the manual.

    A link to a file of this repository that is not part of the manual becomes plain text. One to
    a file that does not exist stays, so that mkdocs complains.
    """
    name = page.file.src_uri
    source = name if name.startswith(GUIDES) else f"docs/{name}"
    here, there = posixpath.dirname(source), posixpath.dirname(name)

    def link(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        meant = posixpath.normpath(posixpath.join(here, target))
        within = PLACES.get(meant, meant.removeprefix("docs/"))
        if files.get_file_from_path(within) is not None:
            anchor = "" if meant == "README.md" else anchor
            return f"[{text}]({posixpath.relpath(within, there or '.')}{anchor})"
        return text if (ROOT / meant).exists() else found[0]

    return LINK.sub(link, markdown)
