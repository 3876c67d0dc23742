-- Compressions: a row each time one is started, and a row a stage, which is filled in as it goes.

CREATE TABLE compressions (
    compression VARCHAR, recipe JSON, recipe_digest VARCHAR, model VARCHAR,
    base VARCHAR, run_base VARCHAR, gate_base VARCHAR, measures JSON,  -- of the model before the first stage
    outcome VARCHAR,           -- NULL: running, or killed
    why VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP
);

CREATE TABLE stages (
    compression VARCHAR, number INTEGER, step VARCHAR,  -- step or group of steps, as the recipe names it
    parameters JSON, before VARCHAR, run_before VARCHAR,  -- artifact and run that the stage began with
    artifacts VARCHAR[],                          -- of its steps, in order
    artifact_id VARCHAR, model VARCHAR,           -- what it made, and the spec that opens it
    run_id VARCHAR, gate_id VARCHAR, verdict VARCHAR,
    measures JSON, damage JSON,                   -- compress.measures, compress.damage
    kept BOOLEAN, why VARCHAR,                    -- NULL: not decided; false: rolled back
    seconds DOUBLE, started_at TIMESTAMP, finished_at TIMESTAMP
);
