-- Curves of trainings, live: a row a point. An execution that is started again begins anew.

CREATE TABLE curves (
    step_key VARCHAR,          -- of the execution, as in `steps`
    started_at TIMESTAMP,      -- tells executions of one key apart
    curve VARCHAR,             -- loss, held_out_loss, learning_rate, ...
    step BIGINT, value DOUBLE  -- NaN and infinities are kept: they are what is looked for
);
