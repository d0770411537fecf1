"""Pictures of more than one chapter: what a reader can drag."""
