"""The parts of `make soak`: what is run (services, churning, watching), what is looked at meanwhile (memory, watch), and
how it is judged (trend, measures)."""
