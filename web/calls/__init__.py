"""The lists of callbacks and attempts, and one call's page."""
