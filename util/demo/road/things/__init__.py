"""What stands in a street, of classes that networks learn and of none."""
