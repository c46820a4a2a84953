"""Writing files atomically; reading and writing TOML and safetensors."""
