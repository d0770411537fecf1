"""The book and its tests with the newest packages that pyproject.toml allows, in place of the
pinned ones: what is run, what moved, and what a page says of it.
"""
