"""One self-contained file for each architecture."""
