"""An agent's own callbacks."""
