"""Statistics of a study: what scores would be on other images, with other prompts and seeds."""
