"""Images that are worth a look: which they are, the page that shows them, what marks become."""
