"""What all teachers run on: device and precision, memory of answers, tiles, masks as crops."""
