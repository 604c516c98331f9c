"""Training of networks on ordinary road scenes, and on things that are pasted into them."""
