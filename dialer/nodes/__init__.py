"""Several dialer processes on one database: who lives, who takes over, who leads."""
