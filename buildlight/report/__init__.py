"""Everything known now, as one value, and the sentences that explain it. Pure."""
