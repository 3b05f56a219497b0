"""The variants of a video: which scenes change, by what factor, and what the files then hold."""
