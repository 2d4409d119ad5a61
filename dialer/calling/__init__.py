"""One live call: session, dispositions, retry ladder, outcomes, and the node's book-keeping of attempts."""
