"""The stages of dvc.yaml, one folder each."""
