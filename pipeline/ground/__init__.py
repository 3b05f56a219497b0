"""What everything stands on: the workspace, files, outs, params, processes, errors."""
