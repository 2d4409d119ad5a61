"""The day in numbers."""
