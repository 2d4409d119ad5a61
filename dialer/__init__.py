"""Who must be called, when, and the live call."""
