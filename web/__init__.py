"""Flask: pages, REST API, reports."""
