"""Sentences and tables about contenders, of outcomes that are given."""

import csv
import dataclasses

import numpy as np
import pytest
from making import outcome, run, study, two

from operant.studies.comparison import compare, sentences
from operant.studies.study import StudyError, read, read_outcomes, with_outcomes, write_plan
from operant.studies.tables import (
    against_the_first,
    caveats,
    comparison_table,
    outcome_table,
    report,
    together_table,
    write_csv,
)


def test_a_sentence_says_who_is_better_and_how_many_seeds_would_have_been_enough():
    assert compare(two(), "slow", "fast").sentence() == (
        "fast is better than slow in steps to the goal, by 10 seeds on cartpole: a seed of fast is better than one of "
        "slow with probability 1.00 (1.00 to 1.00), p = 0.002; 6 seeds would have been enough."
    )


def test_a_sentence_says_that_seeds_do_not_tell_and_how_many_would():
    x, y = (5, 3, 4, 1, 2, 6, 9, 8), (3, 5, 1, 4, 2, 7, 6, 9)  # the same but for 8 and 7: 32.5 of 64 pairs
    outcomes = [outcome("pole", "a", seed, score=float(score)) for seed, score in enumerate(x)]
    outcomes += [outcome("pole", "b", seed, score=float(score)) for seed, score in enumerate(y)]
    text = compare(study([run("pole", seeds=8)], outcomes, measure="return"), "a", "b").sentence()
    assert text == (
        "a and b cannot be told apart in the final return by 8 seeds on pole: a seed of a is better than one of b with "
        "probability 0.51 (0.30 to 0.70), p = 0.97; 7,761 seeds would tell, were they as they seem."
    )


def test_five_pairs_never_tell_and_the_sentence_says_so():
    text = compare(two(seeds=5), "fast", "slow").sentence()
    assert text.startswith("fast and slow cannot be told apart in steps to the goal by 5 seeds on cartpole: ")
    assert text.endswith("p = 0.062; fewer than 6 pairs never can; 6 seeds would tell, were they as they seem.")
    assert "5 seeds on 2 runs" in compare(two(seeds=5, runs=("cartpole", "acrobot")), "fast", "slow").sentence()


def test_contenders_that_look_the_same_are_said_to():
    same = two(faster=0)
    assert compare(same, "fast", "slow").sentence().endswith(
        "p = 1; they look the same, so no number of seeds is known to tell them apart."
    )  # fmt: skip


def test_only_seeds_that_both_have_are_compared_and_the_rest_is_counted():
    fewer = two()
    outcomes = dict(fewer.outcomes)
    outcomes["cartpole", "slow"] = outcomes["cartpole", "slow"][:7]
    fewer = dataclasses.replace(fewer, outcomes=outcomes)
    found = compare(fewer, "fast", "slow")
    assert found.seeds == {"cartpole": 7} and found.left_out == 3
    assert caveats(fewer, [found]) == [
        "3 of the study's trials are missing: the same command makes them",
        "3 outcomes of fast and slow have no partner of the same seed",
    ]
    with pytest.raises(ValueError, match="unknown contender 'fats': did you mean 'fast'"):
        compare(fewer, "fats", "slow")


def test_a_seed_that_does_not_reach_the_goal_is_worse_than_any_that_does():
    outcomes = [outcome("pole", "a", seed, steps=9000) for seed in range(6)]
    outcomes += [outcome("pole", "b", seed, steps=500, solved=False) for seed in range(6)]
    found = compare(study([run("pole", seeds=6)], outcomes), "a", "b")
    assert found.together.probability == 1 and found.reached["pole"] == (6, 0, pytest.approx(2 / 924))


def test_a_threshold_counts_steps_on_the_curve():
    made = outcome("pole", "a", 0, steps=1000, solved=False, returns=(10.0, 20.0, 60.0, 50.0))
    assert made.until(None) == (1000, 1.0, False)
    assert made.until(55.0) == (750, 0.75, True)
    assert made.until(70.0) == (1000, 1.0, False)


def test_p_values_of_several_sentences_are_adjusted_together():
    outcomes = [*two(seeds=6).of("cartpole", "fast"), *two(seeds=6).of("cartpole", "slow")]
    outcomes += [outcome("cartpole", "third", seed, steps=1000 + 10 * seed) for seed in range(6)]
    made = study([run(seeds=6)], outcomes)
    texts = sentences([compare(made, "fast", "slow"), compare(made, "fast", "third")])
    assert all("cannot be told apart" in text and "p = 0.062" in text for text in texts)  # 2 x 2/64


def test_the_table_has_interquartile_means_and_kaplan_meier_medians():
    scores, steps = (500.0, 500.0, 498.25, 90.5), (1000, 2000, 3000, 9000)
    outcomes = [
        outcome("cartpole", "a2c", seed, score, step, solved=seed < 3)
        for seed, (score, step) in enumerate(zip(scores, steps, strict=True))
    ]
    [_, _, row] = outcome_table(study([run()], outcomes)).splitlines()
    assert row == (
        "| cartpole | a2c | 500 | 3 of 4 | 499.1 (90.5 to 500.0) | 90.5 | 2,000 (1,000 to inf) | 2 (1 to inf) |"
    )


def test_scores_over_all_runs_are_of_the_seeds_that_all_have():
    runs = [run("cartpole", random=20.0, reference=500.0), run("acrobot", random=-500.0, reference=-100.0)]
    outcomes = [outcome("cartpole", "a", seed, 260.0) for seed in range(4)]
    outcomes += [outcome("acrobot", "a", seed, -100.0 if seed < 3 else -500.0) for seed in range(3)]
    text = together_table(study(runs, outcomes))
    assert "| a | 0.750 (0.750 to 0.750) | 0.750 (0.750 to 0.750) | 0.500 |" in text
    assert text.endswith(
        "Scores of 3 seeds: 0 is random play, 1 the reference: cartpole 20 to 500, acrobot -500 to -100."
    )
    assert together_table(study([run(), runs[1]], outcomes)) is None  # of one run alone


def test_a_run_without_random_play_has_no_scores():
    with pytest.raises(ValueError, match=r"the run 'cartpole' has no random return: add random = to it"):
        run().normalized(np.zeros(1))
    with pytest.raises(ValueError, match="returns that are both 5"):
        run(random=5.0, reference=5.0).normalized(np.zeros(1))


def test_comparisons_of_all_runs_are_adjusted_together():
    text = comparison_table([compare(two(runs=("cartpole", "acrobot")), "fast", "slow")])
    assert text.splitlines()[2:4] == [
        "| cartpole | fast | slow | reached | 10 and 10 of 10 | 1 | 1 | no difference found |",
        "| cartpole | fast | slow | steps | 1.00 (1.00 to 1.00) | 0.002 | 0.0078 | differ |",
    ]


def test_a_run_without_a_goal_is_compared_by_returns_alone(tmp_path):
    def outcomes(solved):
        return [outcome("cartpole", name, seed, 100.0 * seed, solved=solved) for name in "ab" for seed in range(6)]

    made = study([run(goal=None, seeds=6)], outcomes(solved=False), folder=tmp_path, measure="return")
    (row,) = outcome_table(made).splitlines()[2:3]
    assert row.startswith("| cartpole | a | - | - | 250.0 (") and "inf" not in row.split("|")[7].split("(")[0]
    (comparison,) = against_the_first(made)
    assert comparison.reached == {}
    (line,) = comparison_table([comparison]).splitlines()[2:]
    assert line.startswith("| cartpole | a | b | return | 0.50 (")
    with open(write_csv(made)) as lines:
        assert {(each["reached"], each["steps"], each["steps_to_goal"]) for each in csv.DictReader(lines)} == {
            ("", "1000", "")
        }
    made = study([run(goal=None, seeds=6)], outcomes(solved=True), measure="return")  # results without their plan
    assert "| cartpole | a | - | 6 of 6 |" in outcome_table(made)


def test_an_interval_of_two_seeds_is_given_with_a_warning_that_says_how_wide_it_is():
    outcomes = [outcome("cartpole", "a", 0, 100.0), outcome("cartpole", "a", 1, 480.0)]
    text = report(study([run(seeds=2)], outcomes))
    assert "290.0 (100.0 to 480.0)" in text
    assert (
        "warning: 2 seeds of a on cartpole give an interval of return that is 380 wide, and tell too little: take 10 "
        "or more" in text
    )


def test_versions_that_differ_are_named():
    outcomes = [outcome("cartpole", "a", seed) for seed in range(5)]
    outcomes += [outcome("cartpole", "b", seed, versions={"operant": "0.2.0", "torch": "2.13"}) for seed in range(5)]
    assert caveats(study([run(seeds=5)], outcomes)) == [
        "trials of several versions are compared: operant 0.1.0 (5), 0.2.0 (5)"
    ]


def test_the_csv_has_a_row_for_each_trial(tmp_path):
    outcomes = [outcome("cartpole", "a", 0, 260.0), outcome("cartpole", "a", 1, 20.0, solved=False)]
    path = write_csv(study([run(random=20.0, reference=500.0)], outcomes, folder=tmp_path))
    with open(path) as lines:
        first, second = csv.DictReader(lines)
    assert first == {
        "run": "cartpole", "contender": "a", "seed": "0", "environment": "operant/cartpole", "goal": "500.0",
        "reached": "1", "return": "260.0", "score": "0.5", "steps": "1000", "cpu_seconds": "1.0",
        "steps_to_goal": "1000", "cpu_seconds_to_goal": "1.0",
    }  # fmt: skip
    assert (second["reached"], second["score"], second["steps_to_goal"]) == ("0", "0.0", "")


def test_a_plan_is_read_as_it_was_written(tmp_path):
    made = study([run(random=1.5, threshold=3.0)], [outcome("cartpole", "a", 0)], folder=tmp_path)
    write_plan(made)
    again = read(tmp_path)
    assert (again.name, again.measure, again.contenders, again.runs) == ("made", "steps", ("a",), made.runs)
    assert again.outcomes == {} and again.missing() == 4


@pytest.mark.parametrize(
    "field, value",
    [("run", 3), ("seed", -1), ("seed", True), ("solved", 1), ("score", "high"), ("score", 1e999), ("steps", 0.5),
     ("curve", {"steps": [1]}), ("curve", 7), ("versions", [1])],
)  # fmt: skip
def test_a_strangers_result_with_an_impossible_value_is_refused(tmp_path, field, value):
    row = {"run": "a", "contender": "b", "seed": 0, "solved": True, "score": 1.0, "steps": 1, "seconds": 0.5}
    assert read_outcomes(tmp_path, {"k": row})[0].score == 1.0
    with pytest.raises(StudyError, match="'k' is no result of a study"):
        read_outcomes(tmp_path, {"k": {**row, field: value}})


def test_outcomes_that_are_not_of_the_plan_are_left_out():
    made = study([run(seeds=2)], [outcome("cartpole", "a", 0)])
    more = [outcome("cartpole", "a", 1), outcome("cartpole", "a", 2), outcome("cartpole", "z", 0), outcome("x", "a", 0)]
    assert [each.seed for each in with_outcomes(made, more).of("cartpole", "a")] == [1]


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(
        StudyError, match=r"is not the folder of a study: it has neither study\.json nor results\.jsonl"
    ):
        read(tmp_path)
    (tmp_path / "study.json").write_text('{"format": 99}')
    with pytest.raises(StudyError, match=r"was written by a newer operant \(format 99\): update operant"):
        read(tmp_path)
