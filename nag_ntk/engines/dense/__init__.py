"""The dense engines: every neuron at every step, as weights or as pre-activations."""
