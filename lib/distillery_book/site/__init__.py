"""Running the chapters, building the site, comparing notebooks with their committed outputs."""
