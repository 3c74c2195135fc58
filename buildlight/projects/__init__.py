"""What CI servers say, and what is remembered of it. Pure: no clock, no input or output."""
