"""What a style is worth, in numbers."""
