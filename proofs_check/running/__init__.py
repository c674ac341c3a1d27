"""Running a study: what is known before it trains, its runs, and repeated looks with more seeds."""
