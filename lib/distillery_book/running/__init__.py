"""Cells of studies on workers: local processes or a Dask cluster."""
