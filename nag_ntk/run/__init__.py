"""Parts of a run: inputs, plan of devices and memory, layout of the neurons, record, and storage of the record."""
