"""The page for people, and documents for programs."""
