"""Why a run fails: wrong answers turned into a handful of named, sized causes that keep their identity.

    cases(database, run_id)            what went wrong, sample by sample
      -> diagnose(case)                one masked sentence and a signature of features, nothing of the topic
      -> fit(..) or taxonomy.assign(..)  clusters: fitted once, then assigned to, so that ids stay
      -> report(..)                    shares with intervals, change against the checkpoint before, exemplars

A second, separate view (`weakness`) asks which *kinds of question* are weak, not which way they go wrong.
"""
