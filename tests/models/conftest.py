"""Lets the tests in these folders import what lies beside this file."""
