"""The calendar of windows: when clients may be called."""
