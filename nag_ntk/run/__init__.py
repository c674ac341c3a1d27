"""One run: its inputs, its plan over devices and memory, the neurons' layout, its record and how that is kept."""
