"""The guide to building lamps, and the firmware of our own, run on a simulated chip."""
