"""The OSIE data set: photographs and the gaze of fifteen people on each."""
