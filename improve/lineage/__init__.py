"""Where a thing of the loop came from and what became of it, both ways, row by row.

    why(Database.at(), "4d266ff1")      a training row by the beginning of its id
      -> Walk(of=row, up=(generator, failure shown, cause, report), down=(the fate in each round, step by step))

One graph, read from where it is stored anyway: rounds, artifacts, gates, runs and causes in the database; rows in the
files of datasets, each with its source, its cause and the verdicts on it. Nothing is written, nothing is kept twice.

Cost: about 20 short reads of the database, and two passes over the files of all datasets, where a line is parsed only
if it holds what is looked for: 0.8 s of CPU and 80 MB of memory for 500,000 rows in 514 MB.
"""
