"""The report page: what it shows, gathered and packed into one file that needs no network."""
