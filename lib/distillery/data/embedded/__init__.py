"""Stand-ins for the real data sets, and what draws them: nothing is downloaded."""
