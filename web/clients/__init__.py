"""A client's page: everything owed, done and left out, and why."""
