"""Why a run fails: wrong answers turned into a handful of named, sized causes that keep their identity.

    cases(database, run_id)            what went wrong, sample by sample
      -> diagnose(case)                one masked sentence and a signature of features, nothing of the topic
      -> fit(..) or taxonomy.assign(..)  clusters: fitted once, then assigned to, so that ids stay
      -> report(..)                    shares with intervals, change against the checkpoint before, exemplars

A second, separate view (`weakness`) asks which *kinds of question* are weak, not which way they go wrong.

Rooms, each importing only those further down (import-linter keeps it):

    report, analysis, reuse    the whole of it for one run, and the one document that is made of it
    scope, weakness/, gold     what an analysis may look at; weak kinds of question; suspected bad golds
    trends                     shares of causes, and changes against the run before
    taxonomy/                  failures to causes: fitted, assigned to, named, kept, refitted
    diagnosis/                 one failure: what is said of it without its topic, by rules, by a program run, by a judge
    relations/                 how a wrong answer lies to the right one: numbers, truth, units, wording, programs
    asked, cases               out of the store: all questions of a run, and its failures
    agreement, ctfidf          two formulas
    embedding, sentences       texts to vectors
    case                       the nouns

A package's `__init__` holds what it is called for: `diagnosis.diagnose`, `taxonomy.Taxonomy`, `weakness.weaknesses`.
"""
