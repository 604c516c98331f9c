"""Files and folders on the disk: written whole, found, named, read as JSON."""
