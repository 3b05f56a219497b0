"""Which files are videos, and which of them are taken."""

# One family of containers, each of which states the length of every track: that is how a
# truncated file is told from a short one.
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov")
OTHER_VIDEO_SUFFIXES = (
    ".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".gif", ".m2ts", ".mkv", ".mpeg", ".mpg",
    ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
)  # fmt: skip
"""Of videos in containers that are not taken; a file with any other suffix is no video."""
