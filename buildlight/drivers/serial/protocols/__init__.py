"""The protocol of each kind of serial light: its bytes, with their source. Pure."""
