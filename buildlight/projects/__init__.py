"""What CI servers say, and what we hold of it. Pure: no clock, no input or output."""
