"""The dense engines: evaluate every neuron at every step, stored as weights or as coefficients of the inputs."""
