-- Human review: a session, what is rated in it and by which seats, who sits where, and what they said.

CREATE TABLE reviews (
    review VARCHAR, mode VARCHAR,  -- rate: one answer, 1 to 10; compare: two answers, which is better
    runs VARCHAR[], question VARCHAR, seats INTEGER, overlap INTEGER, seed BIGINT, made_at TIMESTAMP
);

CREATE TABLE review_items (
    review VARCHAR, item INTEGER, suite VARCHAR, sample_id VARCHAR, name VARCHAR, split VARCHAR,
    run_a VARCHAR, key_a VARCHAR,  -- run, and the completion that is shown
    run_b VARCHAR, key_b VARCHAR,  -- compare only
    seats INTEGER[]                -- who rates it
);

CREATE TABLE review_raters (review VARCHAR, seat INTEGER, rater VARCHAR, joined_at TIMESTAMP);

CREATE TABLE review_ratings (
    review VARCHAR, item INTEGER, seat INTEGER,
    value DOUBLE,                  -- rate: 1 to 10; compare: 1 b is better, 0 a is, 0.5 neither
    swapped BOOLEAN,               -- compare: b stood on the left
    rated_at TIMESTAMP
);
