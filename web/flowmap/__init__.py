"""A script drawn: what is asked in which order, which arrows rehearsals walk, and where real clients drop out."""
