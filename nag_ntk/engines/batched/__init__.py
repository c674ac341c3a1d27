"""The batched engines: all neurons of all seeds and methods in one array; a step has no loop or branch."""
