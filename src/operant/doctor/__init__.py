r"""doctor: examines any vector environment, and shows each fault in a few lines of Python.

    from operant.doctor import examine
    for finding in examine(lambda num_envs: gym.make_vec("CartPole-v1", num_envs)):
        print(finding.severity.value, finding.sentence, finding.reproduction, sep="\n")

A finding is an error, a warning or a note.
"""

import gymnasium

if not hasattr(gymnasium.vector, "AutoresetMode"):
    raise ImportError(
        f"operant.doctor needs gymnasium 1.1 or newer, not {gymnasium.__version__}: pip install -U gymnasium"
    )

from operant.doctor.examination import examine
from operant.doctor.finding import Finding, Severity
from operant.doctor.subject import Subject, from_function, from_id

__all__ = ["Finding", "Severity", "Subject", "examine", "from_function", "from_id"]
