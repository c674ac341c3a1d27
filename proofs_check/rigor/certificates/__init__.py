"""Certificates: proofs about one network, from its exact first weights to zero loss.

`problem` says what is proved about, `flow` follows the training exactly, `prove` decides, `certificate` writes the
file, `networks` takes problems from studies, `command` is the command line; `recheck` verifies a file without them.
"""
