"""MLflow: every run of a stage is a run in one store, every trained model a registered version.

Nothing outside this package imports MLflow, but for the script that MLflow itself executes to serve
the editor.
"""
