-- Causes of failure: taxonomies with their causes, which case of which run belongs where, what became of causes in a
-- refit, names that people gave, and critiques of judges (asked once).

CREATE TABLE taxonomies (
    taxonomy_id VARCHAR, embedder VARCHAR, seed INTEGER, split VARCHAR, suites VARCHAR[], parent VARCHAR,
    silhouette DOUBLE, stability DOUBLE, params JSON, state BLOB, -- numpy .npz without pickle
    n INTEGER, made_at TIMESTAMP
);

CREATE TABLE causes (
    taxonomy_id VARCHAR, cause_id VARCHAR, place INTEGER, label VARCHAR, label_source VARCHAR, keywords VARCHAR[],
    medoid_suite VARCHAR, medoid_sample VARCHAR, medoid_attempt INTEGER, size INTEGER
);

CREATE TABLE members (
    taxonomy_id VARCHAR, run_id VARCHAR, suite VARCHAR, sample_id VARCHAR, attempt INTEGER,
    cause_id VARCHAR,          -- empty: unassigned
    similarity DOUBLE, novel BOOLEAN, x DOUBLE, y DOUBLE
);

CREATE TABLE descents (old_cause VARCHAR, new_cause VARCHAR, taxonomy_id VARCHAR, kind VARCHAR, cosine DOUBLE, jaccard DOUBLE);

-- A person's name for a cause; the latest row holds.
CREATE TABLE cause_names (cause_id VARCHAR, label VARCHAR, named_at TIMESTAMP);

CREATE TABLE critiques (key VARCHAR, judge VARCHAR, critique VARCHAR, asked_at TIMESTAMP);
