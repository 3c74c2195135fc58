"""Every number that decides how long a light may take, and when that is looked at. Seconds."""

RETRIES = (0.25, 0.5, 1.0, 1.5)
"""Before a lost light is tried again, and again; the last goes on."""
OPENING = 5.0
"""A light may take to open: a board starts, a host name is resolved."""
BLOCKED = 1.0
"""After which a light that does not return from a call counts as lost."""
HUNG = 60.0
"""After which such a light is worth a restart of the daemon."""
LOOK = 1.0
"""From a call of a light to the look whether it returned."""
LOOK_WHILE_BLINKING = 60.0
"""The same for a light that goes on to blink: it can show nothing that is not true."""
OFTEN = 5.0
"""Between two calls of a light that blinks, at most; others are looked at after each call."""
DARKENING = 1.2
"""Lights may take to go dark at the end, or when a reload removes them."""
LETTING_GO = 0.02
"""Between two looks whether a light that a reload removes is dark."""
