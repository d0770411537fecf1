"""The chapters: a folder each, which says in its `CHAPTER` what it brings to the book."""
