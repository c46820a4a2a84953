"""The C interface takes any calls in any order: see fuzz.c."""

import re

import pytest
from building import make, needs


@pytest.mark.test_all("compiles the core with Clang's instruments, and fuzzes it for 30 seconds")
def test_no_sequence_of_calls_breaks_the_c_interface():
    needs("clang", "clang libclang-rt-dev")
    said = make("fuzz", "SECONDS=30", "KEEP=")
    runs = [int(number) for number in re.findall(r"number_of_executed_units: (\d+)", said)]
    assert len(runs) == 2, said
    assert runs[1] > 1000
