//! Floor 6, what lives: the command line, start, reload, drain, and the demo.
