"""Trained policies as C and ONNX: files for other programs, the C without dependencies."""
