"""Which table each key of the file belongs to, to say it of one that stands elsewhere."""

from collections.abc import Collection, Iterator, Mapping

from buildlight.config import mqtt, page
from buildlight.config.mistakes.positions import KeyPath
from buildlight.config.problems import MISSING, Problem, keys_of
from buildlight.config.suggestions import ABOVE, Homes, unknown
from buildlight.config.tables import FeedTable, LampTable, Top
from buildlight.feeds.http.options import HttpOptions
from buildlight.wording import close_to

TABLES: Mapping[str, str] = {
    "feeds": "[[feeds]]",
    "lamps": "[[lamps]]",
    page.KEY: "[page]",
    mqtt.KEY: "[mqtt]",
}
"""The tables of the file, and how they begin."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    "feeds": (*keys_of(FeedTable), *keys_of(HttpOptions)),
    "lamps": (*keys_of(LampTable), "pins", "board", "protocol", "leds", "host"),
    page.KEY: keys_of(page.PageTable),
    mqtt.KEY: keys_of(mqtt.MqttTable),
}
"""The keys by which a table is recognised; those of plug-ins are not known here."""


def _homes(table: str | None) -> Homes:
    """Return where the keys belong that stand in *table*, or at the top, and not in their own."""
    homes: dict[str, str] = {}
    for key in dict.fromkeys(key for keys in _KEYS.values() for key in keys):
        tables = [TABLES[each] for each, keys in _KEYS.items() if key in keys]
        if len(tables) == 1:
            homes[key] = f"belongs in a {tables[0]} table"
    for key in {*_KEYS["feeds"]} & {*_KEYS["lamps"]}:
        homes[key] = "belongs in a [[feeds]] or a [[lamps]] table"
    homes.pop("port", None)  # Of the page, or of a light.
    homes |= dict.fromkeys(keys_of(Top) if table else (), ABOVE)
    return {key: home for key, home in homes.items() if key not in _KEYS.get(table or "", ())}


HOMES: Mapping[str | None, Homes] = {table: _homes(table) for table in (None, *_KEYS)}
"""What is said of a key that stands in a table, or at the top, though it is one of another."""


def strays(
    path: KeyPath, keys: Collection[str], problems: Collection[Problem], homes: Homes
) -> Iterator[Problem]:
    """Yield what can be said of *keys* though it is not known whose they are.

    A table without a good driver or kind is checked only in its common keys.
    """
    told = {each.path for each in problems}
    missing = [str(each.path[-1]) for each in problems if each.sentence.startswith(MISSING)]
    for key in keys:
        at = (*path, key)
        meant = close_to(key, missing)
        if at in told:
            continue
        if meant is not None:
            yield Problem(at, unknown("key", key, missing), about_key=True, meant=meant)
        elif homes.get(key) == ABOVE:
            yield Problem(at, ABOVE, about_key=True)
