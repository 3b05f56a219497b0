"""Commands of `gazeshift` that are not stages of `dvc.yaml`."""
