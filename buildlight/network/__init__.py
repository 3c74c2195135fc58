"""Name resolution and connections, shared by feeds, drivers and publishers."""
