"""What Linux and systemd need: paths, atomic files, signals, notifications."""
