"""Benchmark of `nag_ntk.simulate`: against other programs, against this machine's ceilings, and as shapes grow.

cells.py defines the measured shapes, contestants.py the programs that are timed (optax_program.py and torch_program.py
are those of other libraries), and clock.py times them. ceiling.py, parts.py and peak.py measure, record.py defines
the record, tables.py makes its tables, and command.py does the work of the command. Nothing is imported here, so that
NumPy, JAX and optax are loaded only for a measurement.
"""
