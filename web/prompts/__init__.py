"""The prompts: what the scripts say, how each text stands, and how a client hears it."""
