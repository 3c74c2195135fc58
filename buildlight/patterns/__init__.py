"""How a signal looks on a light. Pure: no clock, no input or output."""
