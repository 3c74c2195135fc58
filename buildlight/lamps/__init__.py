"""The lamps of this daemon: their threads, their replacement at a reload, the list of lit lamps."""
