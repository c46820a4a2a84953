"""What `operant bench` runs: operant and its peers side by side."""
