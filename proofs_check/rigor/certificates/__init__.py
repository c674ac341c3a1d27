"""Certificates: proofs about one network, from its exact first weights to zero loss.

`problem` states a network and its training as exact numbers, `flow` follows the training exactly, `prove` decides,
`certificate` writes the file; `recheck` verifies a file without them.
"""
