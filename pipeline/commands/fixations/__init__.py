"""What `gazeshift import-fixations` needs of videos: their sizes and ends, and pictures."""
