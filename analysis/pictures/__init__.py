"""Heat maps of label sets: pictures, sheets that lay them side by side, and a page."""
