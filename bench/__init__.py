"""The benchmark behind `operant bench`: operant and its peers side by side.

timing               times contenders in turn and keeps every round; independent of environments
peers                makes contenders of operant, Gymnasium and EnvPool
workloads            the rows: the contenders of each, and the figures to reach
python_environments  the row about Python environments in worker processes
training             the rows about training
cuda                 the rows for a GPU; cuda_training has those about training there
probes               measurements in a fresh process: memory, the time of an import, the start of workers
machine              versions and CPU
report               tables and JSON
main                 the command line

studies/ has the files that `make study` gives to `operant study`.
"""
