"""What a student learns from: checked, read, augmented and put in batches."""
