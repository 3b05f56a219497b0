"""What runs on other people's data: nothing of the pipeline imports from here."""
