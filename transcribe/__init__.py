"""Recognisers, the transcription run, the text index and search."""
