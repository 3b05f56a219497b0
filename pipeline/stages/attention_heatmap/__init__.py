"""Stage attention_heatmap."""
