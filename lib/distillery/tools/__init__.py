"""Tools made of the parts: what `distillery compress` and `distillery logz` do, callable from
Python.
"""
