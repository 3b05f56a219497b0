"""`data/valid_scenes.csv`: the scenes that every later stage works on."""

FIRST_COLUMNS = (
    "video_id",
    "scene_number",
    "keyword",
    "scene_image_path",
    "keyword_mask_path",
    "attention_heatmap_path",
    "filename",
)
