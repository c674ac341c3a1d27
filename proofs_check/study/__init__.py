"""Configuration of a study: read it from YAML or Python, report all its mistakes at once, build data and methods."""
