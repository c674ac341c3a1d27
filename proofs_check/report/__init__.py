"""Report of a study: page, figures and tables for the terminal, from the store alone."""
