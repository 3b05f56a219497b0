"""The editor behind MLflow's HTTP server: one scene in, the edited scene out."""
