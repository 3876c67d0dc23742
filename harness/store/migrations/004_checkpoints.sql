-- What became of each checkpoint of a training: a row a checkpoint and the conditions it was judged under.

CREATE TABLE checkpoints (
    folder VARCHAR,       -- what was watched, or the output folder of the training
    path VARCHAR, kind VARCHAR,           -- hf, adapter, gguf; memory: judged inside the training
    step BIGINT,          -- NULL where nothing tells
    digest VARCHAR,       -- of its content, of an adapter with the name of its base
    conditions VARCHAR,   -- digest of policy, references and settings
    run_id VARCHAR, gate_id VARCHAR,      -- NULL: it could not be opened
    outcome VARCHAR, exit_code INTEGER, error VARCHAR, judged_at TIMESTAMP
);
