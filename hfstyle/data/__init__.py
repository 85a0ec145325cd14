"""Training pictures: where they come from, what is wrong with them, how they are cropped, in which order they come."""
