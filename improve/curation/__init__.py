"""What the steps that curate rows share.

`text` brings texts to canonical form, `kept_out` collects what no row may repeat,
`sketches` are n-grams and MinHash signatures, `wordweights` and `likeness` say how alike two questions are, `index` is
all of it for the samples, `matching` holds rows against it.
"""
