"""Moving in from V2: its trees become `data/import/`, its scalar scores are compared with ours."""
