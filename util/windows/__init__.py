"""Windows: a data set of parts of images, cut by a rule that knows no truth, and their joining.

A folder, `paths.windows`, with `images/<image id>/<row>_<column>.png`, and what the images have of
`masks/` (with `classes.json`), `splits/` and `image_labels.csv`; `windows.json`, which says where
each window lies in its image; and `config.json`, a config whose data they are.
"""
