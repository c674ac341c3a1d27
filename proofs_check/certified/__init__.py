"""Certificates for the networks of a study: problems in exact numbers, and the rows of results that are proved."""
