"""Certificates: proofs that the training of one network, with exact initial weights, reaches zero loss.

`problem` states a network and its training as exact numbers, `flow` runs the training in ball arithmetic, `prove`
decides, and `certificate` writes the file. `recheck` verifies a file without the other modules.
"""
