"""From studies to certificates: the networks of a run, and the rows of results that certificates stand behind."""
