"""What leaves the dashboard as files: an HTML report, its figures, CSV and Parquet, lm-eval's results, a model card's.

Rooms: `markup` (elements, everything escaped), `whiskers` (intervals within tables), `parts` (frame of a section),
`scores` and `judged` (the sections), `report` (the page around them), `figures` (SVG and PNG), `tables` (CSV and
Parquet), `formats` (other people's formats), `beside` (whole files or none). `harness export` is the way in.
"""
