"""What the ingest stages share: their input folders, their items, the table of scenes."""
