"""How each kind of serial light is spoken to: its bytes, with their source. Pure."""
