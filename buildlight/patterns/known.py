"""How far it is known that a light shows what it was told. Pure."""

from enum import Enum


class Known(Enum):
    """What stands behind a light that is ok."""

    CONFIRMED = "confirmed"
    """It answers, and what it shows was read back."""
    TOLD = "told"
    """It took what was sent, and cannot be asked what it shows."""
