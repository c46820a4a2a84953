"""Pages in which the core runs: the WebAssembly modules, and the scripts around them."""
