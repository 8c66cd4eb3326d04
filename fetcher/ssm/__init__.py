"""The crawl of SSM's public parameters: what was read, and what could not be."""
