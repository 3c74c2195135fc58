"""The lamps of this daemon: their threads, their exchange at a reload, what is lit."""
