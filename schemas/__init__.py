"""The data contracts, one module per table; import them to check your own files."""
