"""Writing files atomically or by lines; reading and writing TOML and safetensors; whose a file is, and its kind."""
