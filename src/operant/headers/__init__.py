"""C headers of environments: their sources, descriptors, compiled libraries and exports."""
