"""Pictures: one style, one colour per variant everywhere."""
