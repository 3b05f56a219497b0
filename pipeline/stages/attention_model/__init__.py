"""Stage attention_model."""
