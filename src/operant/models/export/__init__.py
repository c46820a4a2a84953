"""Writes a trained policy as a file for other programs: ONNX, or C without dependencies."""
