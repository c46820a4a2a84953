"""The loop of environments on an engine, driven by a small engine that is not MuJoCo."""

from building import ROOT, make, run


def test_engines_that_step_several_environments_at_once_get_them_and_change_no_bit():
    make("build/native/grouped")
    rows = [line.split() for line in run(ROOT / "build/native/grouped").splitlines()]
    assert len(rows) == 3 * 3 * 2
    for mode in "012":
        hashes = {row[4] for row in rows if row[0] == mode}
        assert len(hashes) == 1 and hashes != {"0" * 16}
    assert len({row[4] for row in rows}) == 3  # episodes begin at other times in each mode
    for row in rows:
        assert row[3] == row[1]  # as many at once as the engine has slots for
