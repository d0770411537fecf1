"""Pictures as a recollection file of a size that is asked for."""
