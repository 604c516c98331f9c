"""Networks that others have trained, read into the one form that runs hold."""
