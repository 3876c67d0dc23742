-- Tables mirror the nouns of harness/types.py. No primary keys on the big ones: inserts would cost five times as much
-- at two million rows; rows are unique by construction (`write.py` leaves out what is stored), and a test checks it.

CREATE TABLE runs (
    run_id VARCHAR, name VARCHAR, model VARCHAR, model_digest VARCHAR, model_facts JSON, engine JSON, config JSON,
    identity VARCHAR,          -- digest of model and configuration; runs of one identity differ by first_attempt
    first_attempt INTEGER, host JSON, started_at TIMESTAMP, finished_at TIMESTAMP, status VARCHAR, note VARCHAR
);

CREATE TABLE run_suites (
    run_id VARCHAR, suite VARCHAR, version VARCHAR, source VARCHAR, licence VARCHAR, metrics JSON, group_tag VARCHAR,
    scorer_key VARCHAR, sandbox VARCHAR, wanted INTEGER, seconds DOUBLE
);

CREATE TABLE samples (
    suite VARCHAR, sample_id VARCHAR, digest VARCHAR, origin VARCHAR, split VARCHAR, name VARCHAR,
    target JSON, tags MAP(VARCHAR, VARCHAR), data JSON
);

-- Long prompt prefixes (few-shot headers), each stored once.
CREATE TABLE heads (key VARCHAR, text VARCHAR);

CREATE TABLE completions (
    key VARCHAR, model_digest VARCHAR, run_id VARCHAR, suite VARCHAR, sample_id VARCHAR, attempt INTEGER,
    kind VARCHAR, form VARCHAR, head_key VARCHAR, tail VARCHAR, asked JSON,
    text VARCHAR, reasoning VARCHAR, tool_calls JSON,
    choice_logprobs DOUBLE[], choice_greedy BOOLEAN[], choice_tokens INTEGER[], token_logprobs DOUBLE[],
    finish VARCHAR, prompt_tokens INTEGER, completion_tokens INTEGER, cut_tokens INTEGER, seconds DOUBLE,
    layout VARCHAR, asked_at TIMESTAMP
);

CREATE TABLE scores (
    key VARCHAR, suite VARCHAR, scorer_key VARCHAR, measures MAP(VARCHAR, DOUBLE), mode VARCHAR, answer VARCHAR,
    detail JSON
);

CREATE TABLE records (
    run_id VARCHAR, suite VARCHAR, sample_id VARCHAR, sample_digest VARCHAR, attempt INTEGER,
    completion_keys VARCHAR[], score_key VARCHAR,
    fault_boundary VARCHAR, fault_kind VARCHAR, fault_message VARCHAR, recorded_at TIMESTAMP,
    CHECK ((score_key IS NULL) <> (fault_boundary IS NULL))
);

CREATE TABLE artifacts (
    artifact_id VARCHAR, kind VARCHAR, path VARCHAR, digest VARCHAR, parents VARCHAR[], made_by JSON, made_at TIMESTAMP
);
