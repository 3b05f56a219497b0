"""Videos: decoding, optical flow, carrying a change over time, encoding."""
