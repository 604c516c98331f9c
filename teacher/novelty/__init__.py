"""What fixed cameras show in some frames that they do not show in those whose maps are empty."""
