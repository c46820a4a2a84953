"""Lets the tests in these folders import modules beside this file."""
