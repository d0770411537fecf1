"""The partition function of a restricted Boltzmann machine to a given standard error."""
