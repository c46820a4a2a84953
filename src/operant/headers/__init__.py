"""Users' headers: sources, descriptors, compiled libraries, `operant new`, `operant export`."""
