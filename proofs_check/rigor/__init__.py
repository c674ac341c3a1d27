"""Proofs in ball arithmetic: enclosures of the constants, certificates of networks, and their rechecker."""
