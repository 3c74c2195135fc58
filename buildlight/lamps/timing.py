"""How long a light may take for each task, and when that is checked. All numbers are seconds."""

RETRIES = (0.25, 0.5, 1.0, 1.5)
"""Waits before each attempt to reopen a lost light; the last one repeats."""
OPENING = 5.0
"""A light may take this long to open: a board starts, a host name is resolved."""
BLOCKED = 1.0
"""A call that takes longer makes the light count as lost."""
HUNG = 60.0
"""A call that takes longer justifies a restart of the daemon."""
LOOK = 1.0
"""From a call of a driver to the check whether it has returned."""
LOOK_WHILE_BLINKING = 60.0
"""The same for a light that plays a rhythm by itself: what it shows is still true."""
OFTEN = 5.0
"""Longest time between two calls for a blinking light; others are checked after each call."""
DARKENING = 1.2
"""Lights may take this long to go dark at the end, or when a reload removes them."""
LETTING_GO = 0.02
"""Between two checks whether a light that a reload removes is dark."""
