-- Steps done: a row an execution; and what they cost, a row a booking. Artifacts themselves are in 001.

CREATE TABLE steps (
    step_key VARCHAR,          -- digest of step, version, parameters and digests of inputs
    step VARCHAR, version VARCHAR, parameters JSON, inputs VARCHAR[], artifact_id VARCHAR, -- NULL: it failed
    fault VARCHAR, log VARCHAR, loop VARCHAR, seconds DOUBLE, finished_at TIMESTAMP
);

CREATE TABLE spendings (loop VARCHAR, step_key VARCHAR, what VARCHAR, amount DOUBLE, spent_at TIMESTAMP);
