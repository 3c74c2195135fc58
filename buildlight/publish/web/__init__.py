"""The page for people, and what programs read beside it."""
