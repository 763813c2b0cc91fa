"""The command line, `twofold`: a client of the public API of a running Twofold, no more."""
