"""The study of tests that need just some run: as it is one shape, a run of the tests compiles it once."""

STUDY = """
dataset: {source: sphere, samples: 4, dimension: 3}
methods: [gradient_descent, {name: nesterov, eta: 0.1, beta: 0.5}]
lemmas: [distance, flip-count]
width: 32
seeds: 4
steps: 5
"""
