"""The commands that the book adds: book, repeat, status, study."""
