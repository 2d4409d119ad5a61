"""Evidence from the sound of a call: tones, announcements, and who answered. Pure: no I/O, no clock."""
