"""`buildlight service`: installs, removes and shows the systemd service."""
