"""Tables from other people's data: a module a kind of source."""
