"""Environments that stand on an engine which is installed apart, such as MuJoCo."""
