"""Execution of a study: checks before it trains, its runs, and repeated looks at the data with more seeds."""
