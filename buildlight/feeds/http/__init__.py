"""Everything that is HTTP on the way to a feed; nothing here knows what a document means."""
