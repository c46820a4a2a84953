"""Writing files atomically; reading and writing TOML and safetensors; whose a file is, and of which kind."""
