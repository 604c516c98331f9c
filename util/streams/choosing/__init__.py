"""Which of the frames are chosen: strategies, what they go by, and a second stage."""
