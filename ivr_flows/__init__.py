"""Approved scripts: their schema, their loader, the interpreter that follows them, and their spoken prompts."""
