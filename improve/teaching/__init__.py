"""What rows are generated from and how a teacher is asked for them.

    found = causes.read([report], ["3f9a.."])           what went wrong, in words, with failures of the dev split
    causes.shares({"3f9a..": 41, "77c0..": 9}, 600)     -> {"3f9a..": 492, "77c0..": 108}

`causes` reads the analysis, `prompts` asks, `parsing` reads the answer, `calls` does the asking until there are enough
rows, `nearest` finds the practice rows of a procedural suite that look like what failed.
"""
