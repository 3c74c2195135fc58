"""The configuration file, checked and translated into the settings of each room."""
