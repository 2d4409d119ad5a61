"""Recordings: their shape, the permission to listen, their sound, their proof."""
