"""A script walked on a screen: as an agent reads it to a client, and as a client fills it in."""
