"""Every tolerance of the numerical tests, with its reason. u = 2^-53 is 1.1e-16."""

# 60-digit reference runs of at most 40 steps, values of size 1: some hundred roundings.
REFERENCE = 1e-13
# n u |H| / lambda_min is 4e-9 for the pairs at 1e-6 rad, the worst of the reference spectra.
SPECTRUM_RELATIVE = 1e-8
# arccos rounds theta by u / theta = 1e-10, against lambda_min = 1.6e-7: errors near 1e-3 to 1e-2, never 1e-8.
ARCCOS_AT_LEAST = 1e-4
# 100 steps by another recursion of the same iterates: a few roundings of sums over the width per step.
OPTAX = 1e-11
# The same numbers in another order of summation: batches, engines, devices, permutations, loops in NumPy.
SAME_RUN = 1e-12
# One kernel against a loop, values of size 1, sums of at most 2,000 terms: a few roundings.
KERNEL = 1e-14
# Powers of a matrix, up to 60 of them, relative to the largest norm.
POWERS = 1e-12
# A Gram matrix has eigenvalues of at least -n u |H| in floating point; n and |H| are at most 40.
PSD = 1e-13
# What a wrong recursion must exceed, in units of the rounding bound that the right one keeps.
WRONG_BY = 1e3
# Two methods that should differ differ at least by this in the residual, which has size 1.
DIFFERENT = 1e-3
# Standard errors of a statistical comparison: two-sided false alarm 2e-9 per entry.
SIGMAS = 6.0
# float32: some hundred roundings of 6e-8 in values of size 1, and what a sign decided otherwise moves.
SINGLE = 1e-4
