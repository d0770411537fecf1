"""What a notebook of the book imports."""
