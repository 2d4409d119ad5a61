"""The ground floor: configuration, clock, calendars, database, audit chain. Imports no other room."""
