"""Pictures: what their lines and bars are, that they are shown and written, and what cannot be drawn."""

import math
import sys

import numpy as np
import pytest
from making import outcome, run, study, two
from matplotlib.image import imread

from operant import studies
from operant.studies.pictures import KINDS, STYLES


def lines(axes):
    """The drawn lines with more than two points, as arrays of x and y."""
    return [np.array(line.get_data()) for line in axes.get_lines() if len(line.get_xdata()) > 2]


def curves(*returns, ends=1000):
    outcomes = [outcome("cartpole", "a", seed, returns=each, steps=ends) for seed, each in enumerate(returns)]
    return study([run(goal=400.0)], outcomes)


def test_a_curve_is_the_interquartile_mean_or_the_mean_at_each_step():
    made = curves((0.0, 10.0), (0.0, 20.0), (0.0, 30.0), (0.0, 100.0))
    for statistic, last in (("iqm", 25), ("mean", 40)):
        [axes] = studies.plot(made, statistic=statistic).axes
        [(x, y)] = lines(axes)
        assert (x[0], x[-1], y[0], y[-1]) == (500, 1000, 0, last)
        assert y[len(y) // 2] == pytest.approx(last / 2, rel=0.01)
        [band] = axes.collections
        assert band.get_paths()[0].vertices[:, 1].max() <= 100
        assert 400 in {line.get_ydata()[0] for line in axes.get_lines()}  # the goal


def test_a_trial_that_has_ended_keeps_its_last_return():
    outcomes = [outcome("cartpole", "a", 0, steps=500, returns=(0.0, 100.0)), outcome("cartpole", "a", 1, steps=1000)]
    [axes] = studies.plot(study([run()], outcomes), x="seconds", statistic="mean").axes
    [(x, y)] = lines(axes)
    assert x[-1] == 1.0 and y[-1] == (100 + 100) / 2
    assert axes.get_xlabel() == "seconds"


def test_shares_of_solved_seeds_are_one_minus_kaplan_meier():
    outcomes = [outcome("cartpole", "a", seed, steps=step) for seed, step in enumerate((100, 200, 200))]
    outcomes.append(outcome("cartpole", "a", 3, steps=900, solved=False))
    [axes] = studies.plot(study([run()], outcomes), "solved").axes
    [(x, y)] = lines(axes)
    assert x.tolist() == [0, 100, 200, 900, 900] and y.tolist() == [0, 0.25, 0.75, 0.75, 0.75]


def test_a_logarithmic_axis_has_the_same_curves_and_no_zero():
    outcomes = [outcome("cartpole", "a", 0, steps=10), outcome("cartpole", "b", 0, steps=10_000)]
    made = study([run()], outcomes)
    for kind in ("curves", "solved"):
        [axes] = studies.plot(made, kind, log=True).axes
        assert axes.get_xscale() == "log" and axes.get_xlim()[0] > 0
        assert [x[-1] for x, _ in lines(axes)] == ([10, 10_000] if kind == "curves" else [10_000, 10_000])
    [axes] = studies.plot(made, log=True).axes
    (_, (x, y)), [straight] = lines(axes), studies.plot(made).axes
    (_, (linear_x, linear_y)) = lines(straight)
    assert np.allclose(np.diff(np.log(x)), np.log(x[-1] / x[0]) / (len(x) - 1))
    assert np.allclose(np.interp(linear_x, x, y), linear_y, rtol=0.01)


@pytest.mark.parametrize("asked, said", [({"log": True}, "log"), ({"x": "seconds"}, "x='seconds'")])
def test_what_a_kind_has_no_axis_for_is_refused(asked, said):
    made = study([run()], [outcome("cartpole", "a", 0)])
    for kind in ("returns", "profiles"):
        with pytest.raises(ValueError, match=f"kind='{kind}' has no axis of steps or seconds: leave out {said}, or"):
            studies.plot(made, kind, **asked)


def test_an_axis_of_less_than_two_decades_has_numbers_between_its_powers_of_ten():
    [axes] = studies.plot(curves((0.0, 10.0), (0.0, 20.0), ends=900), log=True).axes
    low, high = axes.get_xlim()
    assert len([place for place in axes.get_xticks() if low <= place <= high]) >= 2


def test_bars_are_final_returns_above_random_play_with_every_seed():
    outcomes = [
        outcome("cartpole", name, seed, score) for name, score in (("a", 300.0), ("b", 480.0)) for seed in (0, 1)
    ]
    [axes] = studies.plot(study([run(random=20.0)], outcomes), "returns").axes
    assert [(bar.get_y(), bar.get_height()) for bar in axes.patches] == [(20, 280), (20, 460)]
    dots = [line.get_ydata().tolist() for line in axes.get_lines() if line.get_marker() == "."]
    assert dots == [[300, 300], [480, 480]]


def test_profiles_are_of_scores_over_all_runs_or_of_the_returns_of_one():
    outcomes = [outcome("cartpole", "a", seed, score) for seed, score in enumerate((10.0, 20.0, 30.0, 40.0))]
    [axes] = studies.plot(study([run()], outcomes), "profiles").axes
    [(x, y)] = lines(axes)
    assert y[0] == 1 and y[-1] == 0 and y[np.searchsorted(x, 25)] == 0.5
    assert axes.get_xlabel() == "final return"
    both = [run(random=0.0, reference=40.0), run("acrobot", random=-500.0, reference=-100.0)]
    outcomes += [outcome("acrobot", "a", seed, -100.0) for seed in range(4)]
    [axes] = studies.plot(study(both, outcomes), "profiles").axes
    [(x, y)] = lines(axes)
    assert y[np.searchsorted(x, 0.6)] == (0.5 + 1) / 2
    with pytest.raises(ValueError, match=r"profiles need scores: add random = and reference = to the run 'cartpole'"):
        studies.plot(study([run(), both[1]], outcomes), "profiles")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", STYLES)
def test_every_picture_is_written_and_its_text_stands_out(tmp_path, kind, style):
    picture = studies.plot(two(runs=("cartpole",)), kind, style=style)
    picture.save(tmp_path / "a.png")
    pixels = imread(tmp_path / "a.png")[..., :3]
    paper, darkest, lightest = pixels[0, 0].mean(), pixels.mean(axis=2).min(), pixels.mean(axis=2).max()
    assert paper == pytest.approx(1.0 if style == "light" else 0.09, abs=0.02)
    assert (paper - darkest if style == "light" else lightest - paper) > 0.6
    assert picture._repr_png_().startswith(b"\x89PNG")


def test_the_same_study_gives_the_same_svg(tmp_path):
    for name in ("a.svg", "b.svg"):
        studies.plot(two(), "solved").save(tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text.startswith("<?xml") and "</svg>" in text and text == (tmp_path / "b.svg").read_text()


def test_contrast_is_that_of_readable_text():
    """WCAG 2: at least 3 to 1 for parts of a picture, 4.5 to 1 for text."""

    def luminance(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a, b):
        light, dark = sorted((luminance(a), luminance(b)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for style in STYLES.values():
        assert contrast(style.ink, style.paper) > 4.5
        assert min(contrast(colour, style.paper) for colour in style.colours) >= 3
        assert len(set(style.colours)) == len(style.colours)


def test_a_study_without_goals_has_no_solved_seeds_to_draw():
    made = study([run(goal=None)], [outcome("cartpole", "a", 0, solved=False)])
    with pytest.raises(ValueError, match="no run of the study 'made' has a goal: draw curves or returns"):
        studies.plot(made, "solved")


def test_what_is_unknown_is_named(tmp_path):
    for arguments, message in (
        ({"kind": "curve"}, "unknown kind 'curve': did you mean 'curves'?"),
        ({"x": "hours"}, "unknown x 'hours': choose from steps, seconds"),
        ({"statistic": "median"}, "unknown statistic 'median'"),
        ({"style": "grey"}, "unknown style 'grey'"),
    ):
        with pytest.raises(ValueError, match=message.replace("?", r"\?")):
            studies.plot(two(), **arguments)
    with pytest.raises(ValueError, match="the study 'made' has no results yet"):
        studies.plot(study([run()], []))
    with pytest.raises(ValueError, match=r"a\.gif must end with \.png or \.svg"):
        studies.plot(two()).save(tmp_path / "a.gif")


def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "operant.studies.pictures")
    with pytest.raises(ImportError, match=r"pip install 'operant\[study\]'"):
        studies.plot(two())


def test_one_seed_has_a_line_without_a_band():
    [axes] = studies.plot(curves((0.0, 10.0))).axes
    [(_, y)] = lines(axes)
    assert y[-1] == 10 and not math.isnan(y.sum())
