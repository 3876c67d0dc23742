-- Improvement loops: a row each time one is started, and a row a round, which is filled in as it goes.

CREATE TABLE loops (
    loop VARCHAR, recipe JSON, recipe_digest VARCHAR, model VARCHAR,
    outcome VARCHAR,           -- NULL: running, or killed
    why VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP
);

CREATE TABLE rounds (
    loop VARCHAR, number INTEGER, model VARCHAR,  -- spec of the model that the round began with
    run_before VARCHAR, gate_before VARCHAR, verdict_before VARCHAR,
    report VARCHAR, causes JSON,                  -- the analysis it learned from: artifact; cause -> label, failures
    artifacts VARCHAR[],                          -- of its steps, in order
    rows INTEGER,                                 -- trained on
    candidate VARCHAR, model_after VARCHAR, run_after VARCHAR, gate_after VARCHAR, verdict_after VARCHAR,
    aimed INTEGER, decision JSON,                 -- sealed samples aimed at; the checks that accepted it or did not
    accepted BOOLEAN, why VARCHAR, spent_before JSON, cost JSON, started_at TIMESTAMP, finished_at TIMESTAMP
);
