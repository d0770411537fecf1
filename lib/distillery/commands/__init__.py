"""The command line. Packages add commands by the entry-point group `distillery.commands`."""
