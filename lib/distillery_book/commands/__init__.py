"""The commands that the book adds: book, status, study."""
