"""What follows from a callback: duties, second calls, gates and messages to other systems."""
