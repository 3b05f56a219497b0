"""Where viewers looked: eye trackers' exports become fixations, and what cannot be is refused."""
