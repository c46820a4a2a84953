"""Numbers on the command line, in every command."""

import argparse
import sys
from importlib import import_module

import pytest

from operant.cli.main import COMMANDS, main
from operant.cli.parser import Parser, integer, number

WHOLE = {"1000000": 1_000_000, "1e6": 1_000_000, "1_000_000": 1_000_000, "-3": -3, "2.5e1": 25}


@pytest.mark.parametrize("text", WHOLE)
def test_a_whole_number_may_be_written_in_any_common_way(text):
    assert integer(text) == WHOLE[text] and type(integer(text)) is int


@pytest.mark.parametrize("text", ["1.5", "1e-3", "x", "", "nan", "inf", "1e400", "64,64"])
def test_what_is_not_whole_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be an integer, such as 1000000 or 1e6"):
        integer(text)


def test_a_number_is_not_nan():
    assert number("1e-3") == 0.001 and number("-1_000") == -1000
    for text in ("nan", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match="must be a number"):
            number(text)


@pytest.mark.parametrize("text", ["-1e30", "-1.5E-3", "-.5", "-2.", "-1_000", "-inf", "-3"])
def test_a_negative_number_is_no_option(text):
    parser = Parser("prog")
    parser.add_argument("--log-std", type=number)
    assert parser.parse(["--log-std", text]).log_std == number(text)


@pytest.mark.parametrize("text", ["-e5", "-", "-_", "-x1", "-1x", "-infinite"])
def test_what_only_resembles_a_negative_number_is_refused(text):
    parser = Parser("prog")
    parser.add_argument("--log-std", type=number)
    with pytest.raises(SystemExit):
        parser.parse(["--log-std", text])


def test_every_command_reads_integers_in_the_same_way(monkeypatch):
    """Every option whose metavar is N, S or T, of every command, takes 1e1 as an integer, or 1e1 seconds."""
    parsers = []

    def parse(self, argv):
        parsers.append(self)
        raise SystemExit

    monkeypatch.setattr(Parser, "parse", parse)
    monkeypatch.setattr(sys, "argv", ["operant"])
    for name in {*COMMANDS} - {"run"}:
        with pytest.raises(SystemExit):
            import_module(COMMANDS[name][0]).command([])
    read = {}
    for parser in parsers:
        for action in parser._actions:
            assert action.type not in (int, float), f"{parser.prog} {action.option_strings}"
            if action.metavar in ("N", "T") and action.option_strings:
                read[parser.prog, action.option_strings[0]] = action.type("1e1")
    assert set(read.values()) == {10}
    assert {type(value) for value in read.values()} == {int}
    names = {("operant train", "--timesteps"), ("operant train", "--epochs"), ("operant train", "--hidden"),
             ("operant resume", "--keep"), ("operant eval", "--episodes"), ("operant sweep", "--jobs"),
             ("operant doctor", "--steps"), ("operant bench", "--num-envs")}  # fmt: skip
    assert names <= read.keys()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["train", "cartpole", "--timesteps", "1.5"], "--timesteps '1.5' must be an integer, such as"),
        (["train", "cartpole", "--keep", "0"], "--keep 0 must be at least 1"),
        (["eval", "x", "--episodes", "0"], "--episodes 0 must be at least 1"),
        (["bench", "--num-env", "8"], "unknown option '--num-env': did you mean '--num-envs'?"),
    ],
)
def test_a_wrong_number_is_one_line(capsys, arguments, said):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    message = capsys.readouterr().err
    assert message.startswith(f"operant {arguments[0]}: {said}") and message.count("\n") == 1


def test_a_files_timesteps_may_be_written_with_an_exponent():
    from operant.cli.run_config import merge

    assert merge({"environment": "cartpole", "timesteps": 1e6}, {}).timesteps == 1_000_000
    with pytest.raises(ValueError, match=r"timesteps=1\.5 must be an integer of at least 1"):
        merge({"environment": "cartpole", "timesteps": 1.5}, {})
