"""Images, soft labels and true masks as files, the ids that tie them together, split lists."""
