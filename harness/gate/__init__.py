"""The gate: a policy's promises held against a candidate, with known error rates.

    policy.load -> check -> foresight -> gather(..) -> decide(policy, evidence) -> Verdict -> stored, printed, exit code

Rooms: `judge` is that line in one call. `policy`, `check` and `figures` read what is promised; `gather` makes
`evidence` of stored records; `decide` weighs what `rules`, `thresholds` and `calibration` find; `looks`, `stage` and
`sequential` look while the candidate answers; `budget`, `seal` and `accept` are for improvement loops; `selftest`
tests it all on candidates whose truth is known.
"""
