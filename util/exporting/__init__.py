"""What label sets say as files that other programs read: a module a format, and their writing."""
