"""Videos: decoding into upright frames with true times, and finding the shots in them."""
