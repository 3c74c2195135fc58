"""The page: asked over sockets, read by other programs, and seen in a browser."""
