"""The archive: write, seal, open, verify, retain, hold, export."""
