"""Policy packs: a firm's call-back rules as data, and the pure functions that read them."""
