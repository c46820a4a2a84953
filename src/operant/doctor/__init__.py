"""doctor: examines any vector environment, and shows each fault in a few lines of Python.

from operant.doctor import examine
for finding in examine(lambda num_envs: gym.make_vec("CartPole-v1", num_envs)):
    print(finding.severity.value, finding.sentence, finding.reproduction, sep="\n")
"""

from operant.doctor.examination import examine
from operant.doctor.finding import Finding, Severity
from operant.doctor.subject import Subject, from_function, from_id

__all__ = ["Finding", "Severity", "Subject", "examine", "from_function", "from_id"]
