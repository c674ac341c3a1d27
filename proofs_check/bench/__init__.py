"""How fast `nag_ntk.simulate` is: against what a user would write, against this machine's ceiling, as shapes grow.

cells.py says what is measured, contestants.py by whom (optax_program.py and torch_program.py are the other programs),
clock.py how; ceiling.py, parts.py and peak.py measure, record.py is what is kept, tables.py shows it, command.py is the
command. Nothing is imported here: NumPy, JAX and optax are loaded only when something is measured.
"""
