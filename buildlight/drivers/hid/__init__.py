"""USB lights that are HID devices."""
