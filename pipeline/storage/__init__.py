"""How things lie on disk: the workspace, names, files, images, tables and the outs of a stage."""
