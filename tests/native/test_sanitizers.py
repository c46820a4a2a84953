"""The whole C interface under AddressSanitizer with UBSan, and under ThreadSanitizer: see exercise.c."""

import pytest
from building import make

pytestmark = pytest.mark.test_all("compiles the core four times, with instruments that make it slow")


@pytest.mark.parametrize("sanitizer", ["address-narrow", "address-wide", "thread"])
def test_no_sanitizer_finds_a_fault(sanitizer):
    assert "exercised" in make(f"sanitize-{sanitizer}")
