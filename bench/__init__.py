"""What `operant bench` runs: operant and its peers side by side.

timing      takes turns and keeps every round; knows nothing of environments
peers       operant, Gymnasium and EnvPool, each as something that `timing` can time
workloads   the rows: what is compared with what, and which figure it must reach
training    the rows about training
cuda        the rows of a GPU, and cuda_training those of training there
probes      what needs a fresh process: memory, the time that an import takes
machine     versions and CPU
report      tables and JSON
main        the command line
"""
