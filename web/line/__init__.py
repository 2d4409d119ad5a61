"""The telephone line: its trunks and the nodes that call over them."""
