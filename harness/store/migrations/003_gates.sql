-- What gates said: a row a verdict, a row a check; and which runs are references, by name (the latest row holds).

CREATE TABLE gates (
    gate_id VARCHAR, candidate VARCHAR,   -- run
    model VARCHAR, model_digest VARCHAR,
    reference VARCHAR,                    -- run, NULL without one
    policy VARCHAR, policy_digest VARCHAR, policy_text VARCHAR,
    outcome VARCHAR, exit_code INTEGER, split VARCHAR, sealed BOOLEAN,
    way VARCHAR,                          -- fixed or sequential
    loop VARCHAR,                         -- name of the loop that looked, NULL: a person
    alpha DOUBLE, note VARCHAR, decided_at TIMESTAMP
);

CREATE TABLE checks (
    gate_id VARCHAR, place INTEGER, suite VARCHAR, rule VARCHAR, outcome VARCHAR, required BOOLEAN,
    observed DOUBLE, bound DOUBLE, low DOUBLE, high DOUBLE, numbers JSON, note VARCHAR
);

CREATE TABLE baselines (name VARCHAR, run_id VARCHAR, note VARCHAR, set_at TIMESTAMP);
