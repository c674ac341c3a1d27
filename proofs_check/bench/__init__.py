"""Benchmark of `nag_ntk.simulate`: against other programs, against this machine's ceilings, and as shapes grow.

cells.py has the shapes, contestants.py the programs that are timed (optax_program.py and torch_program.py are the other
ones), clock.py the timing; ceiling.py, parts.py and peak.py measure, record.py is the record, tables.py its tables,
command.py the command. Nothing is imported here: NumPy, JAX and optax are loaded only when something is measured.
"""
