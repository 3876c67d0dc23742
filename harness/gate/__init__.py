"""The gate: a policy's promises held against a candidate, with known error rates.

policy.load("gates.yaml") -> gather(..) -> decide(policy, evidence) -> Verdict -> stored, printed, exit code
"""
