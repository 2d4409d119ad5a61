"""The command line and the demo day: the roof, which knows every room."""
