"""What leaves the dashboard as files: an HTML report, CSV and Parquet, lm-eval's results and a model card's.

Rooms: `markup` (elements, everything escaped), `sections` (what the report shows), `report` (the page around them),
`tables` (CSV and Parquet), `formats` (other people's formats). `harness report` is the way in.
"""
