"""The lamp's own firmware, run on a simulated chip and under two Pythons."""
