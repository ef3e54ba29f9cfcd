"""The parts of `make bench`; scripts/bench puts them together.

spread     medians, intervals and ratios of paired measurements; pure
process    starts, watches and ends one process
variants   the table of what a workload runs under: nothing, leakey, its peers
workloads  the table of timed workloads, and how each is run once
resident   memory that the shim adds
analysis   `leakey report` beside heaptrack_print
targets    the table of what is to be reached, and the verdicts; pure
tables     what is printed; pure
machine    what the numbers depend on
"""
