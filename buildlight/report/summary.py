"""The report in one line, as ``systemctl status`` shows it. Pure."""

from buildlight.projects.signal import RANKS
from buildlight.report.report import Report
from buildlight.report.shown import Light


def sentence(report: Report) -> str:
    """Return the report in one line: each lamp's signal and why."""
    return "; ".join(
        f"{lamp.name}: {RANKS[lamp.signal]}: {lamp.because}"
        + ("" if lamp.light is Light.OK else f" (its light is {lamp.light.value})")
        for lamp in report.lamps
    )
