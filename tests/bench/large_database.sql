-- What `large_database.py` fills a database with. Sizes are the variables models, suites, samples, gates, loops, rounds,
-- compressions and people. Answers are drawn by hashes: model m is right in a share that grows with m.
INSERT INTO samples BY NAME
SELECT 'suite' || s AS suite, md5('s' || s || '/' || i) AS sample_id, md5('d' || s || '/' || i) AS digest,
       md5('o' || s || '/' || i) AS origin, CASE WHEN i % 2 = 0 THEN 'dev' ELSE 'test' END AS split,
       'suite' || s || '/' || i AS name, to_json('target ' || (i % 7)) AS target,
       MAP {'subject': 'subject ' || (i % 12)} AS tags, '{}' AS data
FROM range(getvariable('suites')) a(s), range(getvariable('samples')) b(i);

INSERT INTO runs BY NAME
SELECT 'run-' || m AS run_id, 'run ' || m AS name, 'gguf:/srv/models/family/model-' || m || '.gguf' AS model,
       md5('m' || m) AS model_digest,
       json_object('size_bytes', 400000000 + 90000000 * m, 'quantisation', 'Q5_K_M') AS model_facts, '{}' AS engine,
       '{"prompt": "raw", "samples": 1, "split": "all"}' AS config, md5('i' || m) AS identity, 0 AS first_attempt,
       '{}' AS host, TIMESTAMP '2026-01-01' + INTERVAL (m) HOUR AS started_at,
       TIMESTAMP '2026-01-01' + INTERVAL (m) HOUR AS finished_at, 'done' AS status
FROM range(getvariable('models')) t(m);

INSERT INTO run_suites BY NAME
SELECT 'run-' || m AS run_id, 'suite' || s AS suite, '1' AS version, 'made up' AS source, 'none' AS licence,
       '[{"name": "acc", "value": "acc", "aggregate": "micro", "higher_is_better": true, "low": 0.0, "high": 1.0}]'
       AS metrics, 'subject' AS group_tag, 'scorer' || s AS scorer_key, '' AS sandbox,
       getvariable('samples') AS wanted, 10.0 AS seconds
FROM range(getvariable('models')) a(m), range(getvariable('suites')) b(s);

CREATE OR REPLACE TEMP TABLE drawn AS
SELECT m, s, i, md5(m || '/' || s || '/' || i) AS key,
       (hash(m || 'x' || s || 'x' || i) % 1000) < 300 + 10 * m AS good
FROM range(getvariable('models')) a(m), range(getvariable('suites')) b(s), range(getvariable('samples')) c(i);

INSERT INTO completions BY NAME
SELECT key, md5('m' || m) AS model_digest, 'run-' || m AS run_id, 'suite' || s AS suite,
       md5('s' || s || '/' || i) AS sample_id, 0 AS attempt, CASE WHEN s % 10 = 9 THEN 'choose' ELSE 'generate' END AS kind,
       'raw' AS form, NULL AS head_key, 'Question ' || i || ' of suite ' || s AS tail, '{}' AS asked,
       'I say <b onclick="x()">answer</b> ' || (i % 7) AS text, '' AS reasoning,
       CASE WHEN s % 10 = 9 THEN [-0.1 - (hash(key) % 100) / 100, -1.0 - (hash(key || 'b') % 300) / 100, -3.0, -4.0] END
       AS choice_logprobs, 'stop' AS finish, 40 AS prompt_tokens, 9 AS completion_tokens, 0 AS cut_tokens,
       0.05 + (i % 10) / 100 AS seconds, '' AS layout
FROM drawn;

INSERT INTO scores BY NAME
SELECT key, 'suite' || s AS suite, 'scorer' || s AS scorer_key, MAP {'acc': good::INTEGER::DOUBLE} AS measures,
       CASE WHEN good THEN 'right' ELSE 'wrong_answer' END AS mode, (i % 7)::VARCHAR AS answer, '{}' AS detail
FROM drawn;

INSERT INTO records BY NAME
SELECT 'run-' || m AS run_id, 'suite' || s AS suite, md5('s' || s || '/' || i) AS sample_id,
       md5('d' || s || '/' || i) AS sample_digest, 0 AS attempt, [key] AS completion_keys, key AS score_key,
       TIMESTAMP '2026-01-01' AS recorded_at
FROM drawn;

-- Three generations of causes; every failure of the split dev of every run is counted in the newest.
INSERT INTO taxonomies BY NAME
SELECT 'tax-' || t AS taxonomy_id, 'lsa:made' AS embedder, 0 AS seed, 'dev' AS split,
       list_transform(range(getvariable('suites')), lambda s: 'suite' || s) AS suites,
       CASE WHEN t > 0 THEN 'tax-' || (t - 1) ELSE '' END AS parent, 0.5 AS silhouette, 0.9 AS stability,
       '{"grouping": "clusters"}' AS params, ''::BLOB AS state, 1000 AS n,
       TIMESTAMP '2026-02-01' + INTERVAL (t) DAY AS made_at
FROM range(3) a(t);

INSERT INTO causes BY NAME
SELECT 'tax-' || t AS taxonomy_id, md5('c' || c)[:12] AS cause_id, c AS place,
       'another answer · subject ' || c AS label, 'keywords' AS label_source, ['answer', 'subject ' || c] AS keywords,
       0 AS medoid_attempt, 100 AS size
FROM range(3) a(t), range(12) b(c);

INSERT INTO descents BY NAME
SELECT md5('c' || c)[:12] AS old_cause, md5('c' || c)[:12] AS new_cause, 'tax-' || t AS taxonomy_id, 'kept' AS kind,
       0.9 AS cosine, 0.8 AS jaccard
FROM range(1, 3) a(t), range(12) b(c);

INSERT INTO members BY NAME
SELECT 'tax-2' AS taxonomy_id, 'run-' || m AS run_id, 'suite' || s AS suite, md5('s' || s || '/' || i) AS sample_id,
       0 AS attempt, CASE WHEN c < 12 THEN md5('c' || c)[:12] ELSE '' END AS cause_id,
       0.5 + (hash(key) % 500) / 1000 AS similarity, c = 12 AS novel,
       cos(c) + (hash(key || 'x') % 100) / 300 AS x, sin(c) + (hash(key || 'y') % 100) / 300 AS y
FROM (SELECT *, (hash(key || 'c') % 169)::INTEGER // 13 AS c FROM drawn WHERE NOT good AND i % 2 = 0);

INSERT INTO gates BY NAME
SELECT 'gate-' || g AS gate_id, 'run-' || (g % getvariable('models')) AS candidate,
       'gguf:/srv/models/family/model-' || (g % getvariable('models')) || '.gguf' AS model,
       md5('m' || (g % getvariable('models'))) AS model_digest, 'run-0' AS reference, '/srv/policies/gates.yaml' AS policy,
       'digest' AS policy_digest, 'version: 1' AS policy_text, ['PASS', 'FAIL', 'INCONCLUSIVE'][1 + g % 3] AS outcome,
       [0, 1, 3][1 + g % 3] AS exit_code, 'test' AS split, TRUE AS sealed, 'fixed' AS way,
       CASE WHEN g % 4 = 0 THEN 'loop-' || (g % getvariable('loops')) END AS loop, 0.05 AS alpha,
       '1 of 20 required checks' AS note, TIMESTAMP '2026-03-01' + INTERVAL (g) MINUTE AS decided_at
FROM range(getvariable('gates')) t(g);

INSERT INTO checks BY NAME
SELECT 'gate-' || g AS gate_id, s AS place, 'suite' || s AS suite, 'non_inferiority' AS rule,
       CASE WHEN s = 0 THEN ['PASS', 'FAIL', 'INCONCLUSIVE'][1 + g % 3] ELSE 'PASS' END AS outcome, TRUE AS required,
       -0.01 AS observed, -0.02 AS bound, -0.03 AS low, 0.01 AS high,
       '{"n": 1000, "wins": 40, "losses": 50, "p": 0.3, "p_holm": 0.6, "alpha": 0.05, "needed": 4100}' AS numbers,
       'clustered tango' AS note
FROM range(getvariable('gates')) a(g), range(getvariable('suites')) b(s);

-- Loops: rounds of three steps (rows, adapter, model), each with its curves and what it cost.
CREATE OR REPLACE TEMP TABLE laps AS
SELECT l, r, 'loop-' || l AS loop, (l * getvariable('rounds') + r) % getvariable('models') AS m,
       TIMESTAMP '2026-04-01' + INTERVAL (l) DAY + INTERVAL (r) HOUR AS began
FROM range(getvariable('loops')) a(l), range(1, getvariable('rounds') + 1) b(r);

INSERT INTO loops BY NAME
SELECT 'loop-' || l AS loop,
       '{"budget": {"seconds": 90000.0}, "rounds": 10, "steps": ["improve.generate", "improve.finetune", "improve.merge"]}'
       AS recipe, 'digest' AS recipe_digest, 'tiny' AS model,
       CASE WHEN l > 0 THEN 'passed' END AS outcome, 'the gate passes' AS why,
       TIMESTAMP '2026-04-01' + INTERVAL (l) DAY AS started_at, TIMESTAMP '2026-04-02' + INTERVAL (l) DAY AS finished_at
FROM range(getvariable('loops')) t(l);

INSERT INTO rounds BY NAME
SELECT loop, r AS number, 'tiny' AS model, 'run-' || m AS run_before, 'gate-' || r AS gate_before,
       'FAIL' AS verdict_before, 'report-' || l || '-' || r AS report,
       json_object('c1', json_object('label', 'another answer', 'failures', 50)) AS causes,
       ['rows-' || l || '-' || r, 'adapter-' || l || '-' || r, 'model-' || l || '-' || r] AS artifacts, 9600 AS rows,
       'model-' || l || '-' || r AS candidate, 'gguf:/srv/model.gguf' AS model_after,
       'run-' || ((m + 1) % getvariable('models')) AS run_after, 'gate-' || (r + 1) AS gate_after,
       'PASS' AS verdict_after, 499 AS aimed,
       json('{"checks": [{"rule": "superiority", "suite": "", "outcome": "PASS", "observed": 0.1, "low": 0.05, "high": 0.15,
       "bound": 0.0, "note": "", "numbers": {}}, {"rule": "non_inferiority", "suite": "", "outcome": "PASS",
       "observed": -0.01, "low": -0.03, "high": 0.01, "bound": -0.05, "note": "", "numbers": {}}], "outcome": "PASS"}')
       AS decision, r % 3 > 0 AS accepted, CASE WHEN r % 3 = 0 THEN 'no gain is proven' ELSE '' END AS why,
       '{}' AS spent_before, '{"seconds": 3600.0}' AS cost, began AS started_at, began + INTERVAL 50 MINUTE AS finished_at
FROM laps;

INSERT INTO artifacts BY NAME
SELECT kind || '-' || l || '-' || r AS artifact_id, CASE kind WHEN 'rows' THEN 'dataset' ELSE kind END AS kind,
       '/srv/artifacts/' || kind AS path, 'digest' AS digest,
       CASE WHEN parent = '' THEN [] ELSE [parent || '-' || l || '-' || r] END AS parents,
       json_object('step', step) AS made_by, began AS made_at
FROM laps, (VALUES ('report', '', 'harness.failures'), ('rows', 'report', 'improve.generate'),
                   ('adapter', 'rows', 'improve.finetune'), ('model', 'adapter', 'improve.merge')) k(kind, parent, step);

INSERT INTO steps BY NAME
SELECT md5(kind || l || '/' || r) AS step_key, step, '1' AS version, '{"seed": 0}' AS parameters, [] AS inputs,
       kind || '-' || l || '-' || r AS artifact_id, 'log.txt' AS log, loop, 600.0 AS seconds,
       began + INTERVAL (minute) MINUTE AS finished_at
FROM laps, (VALUES ('rows', 'improve.generate', 10), ('adapter', 'improve.finetune', 20),
                   ('model', 'improve.merge', 30)) k(kind, step, minute);

INSERT INTO spendings BY NAME
SELECT loop, step_key, 'seconds' AS what, seconds / 60 AS amount, finished_at - INTERVAL (n) SECOND AS spent_at
FROM steps, range(60) t(n);

INSERT INTO curves BY NAME
SELECT step_key, finished_at AS started_at, curve, n AS step, 2 * exp(-n / 200) + (hash(step_key || n) % 100) / 1000 AS value
FROM steps, range(500) t(n), (VALUES ('loss'), ('held_out_loss'), ('learning_rate')) c(curve)
WHERE step = 'improve.finetune' AND (curve <> 'held_out_loss' OR n % 20 = 0);

INSERT INTO compressions BY NAME
SELECT 'small-' || c AS compression, '{"stages": []}' AS recipe, 'digest' AS recipe_digest, 'tiny' AS model,
       'base' AS base, 'run-0' AS run_base, json_object('size_bytes', 5000000000, 'bits_per_weight', 16.0,
       'perplexity', 5.0, 'against', json('{}'), 'speed', json_object('generate_tokens_s', 40.0)) AS measures,
       'done' AS outcome, '' AS why, TIMESTAMP '2026-05-01' + INTERVAL (c) DAY AS started_at,
       TIMESTAMP '2026-05-02' + INTERVAL (c) DAY AS finished_at
FROM range(getvariable('compressions')) t(c);

INSERT INTO stages BY NAME
SELECT 'small-' || c AS compression, g AS number, 'halved ' || g AS step, '{}' AS parameters, 'base' AS before,
       'run-' || ((g - 1) % getvariable('models')) AS run_before, ['artifact-' || g] AS artifacts,
       'artifact-' || g AS artifact_id, 'gguf:/srv/model.gguf' AS model, 'run-' || (g % getvariable('models')) AS run_id,
       'gate-' || g AS gate_id, 'PASS' AS verdict,
       json_object('size_bytes', 5000000000 // (1 + g), 'bits_per_weight', 16.0 / g, 'perplexity', 5.0 + g,
       'against', json('{"base": {"kl_mean": 0.05, "top1_agreement": 0.9}, "before": {"kl_mean": 0.02}}'),
       'speed', json_object('generate_tokens_s', 40.0 * (1 + g))) AS measures,
       json_object('capabilities', (
           SELECT list(json_object('suite', 'suite' || s, 'tag', 'subject', 'capability', 'subject ' || t, 'n', 100,
                       'broken', hash(s || '/' || t || '/' || g) % 30, 'mended', 5, 'delta', -0.05, 'low', -0.1,
                       'high', 0.01, 'p_adjusted', 0.2, 'verdict', CASE WHEN t = 0 THEN 'worse' ELSE '' END))
           FROM range(20) x(s), range(12) y(t)), 'clusters', json('[]')) AS damage,
       g % 3 > 0 AS kept, '' AS why, 900.0 AS seconds, TIMESTAMP '2026-05-01' AS started_at,
       TIMESTAMP '2026-05-01' AS finished_at
FROM range(getvariable('compressions')) a(c), range(1, 7) b(g);

INSERT INTO bench_runs BY NAME
SELECT 'bench-' || m AS bench_id, model, model_digest, model_facts, '{"name": "gguf"}' AS engine,
       '{"width": "8"}' AS settings, '{"cores": 2}' AS host, 0.5 AS load_average, 0.1 AS others_cores, m % 5 = 0 AS busy,
       [] AS notes, TIMESTAMP '2026-06-01' + INTERVAL (m) HOUR AS started_at, TIMESTAMP '2026-06-01' AS finished_at
FROM range(getvariable('models')) t(m) JOIN runs ON run_id = 'run-' || m;

INSERT INTO benches BY NAME
SELECT bench_id, measure, unit, width, 128 AS prompt_tokens, 64 AS tokens,
       list_transform(range(5), lambda n: value * width * (1 + n / 50)) AS measured, [] AS raw, 1.0 AS wall_s,
       1.0 AS cpu_s, 0.0 AS raw_cpu_s, '' AS layout, '' AS note
FROM bench_runs, (VALUES ('load', 's', 1, 0.5), ('ttft', 's', 1, 0.2), ('memory', 'bytes', 1, 1e9),
                  ('prompt', 'tokens/s', 1, 900.0), ('prompt', 'tokens/s', 8, 900.0), ('generate', 'tokens/s', 1, 90.0),
                  ('generate', 'tokens/s', 4, 80.0), ('generate', 'tokens/s', 8, 70.0)) v(measure, unit, width, value);

-- Reviews: all people rate twenty answers of the last run, and compare them with those of the first.
INSERT INTO reviews BY NAME
SELECT 'review-' || mode AS review, mode,
       CASE mode WHEN 'rate' THEN ['run-' || (getvariable('models') - 1)]
            ELSE ['run-0', 'run-' || (getvariable('models') - 1)] END AS runs,
       '' AS question, getvariable('people') AS seats, getvariable('people') AS overlap, 0 AS seed,
       TIMESTAMP '2026-07-01' AS made_at
FROM (VALUES ('rate'), ('compare')) v(mode);

INSERT INTO review_items BY NAME
SELECT review, i AS item, 'suite0' AS suite, md5('s0/' || i) AS sample_id, 'suite0/' || i AS name, 'test' AS split,
       runs[1] AS run_a, md5(runs[1][5:] || '/0/' || i) AS key_a, runs[2] AS run_b,
       md5(runs[2][5:] || '/0/' || i) AS key_b, range(getvariable('people')) AS seats
FROM reviews, range(1, 40, 2) t(i);

INSERT INTO review_raters BY NAME
SELECT review, p AS seat, 'person ' || p AS rater, made_at AS joined_at
FROM reviews, range(getvariable('people')) t(p);

INSERT INTO review_ratings BY NAME
SELECT review, item, seat, CASE WHEN run_b IS NULL THEN 6 + hash(item || '/' || seat) % 5
       ELSE (hash(item || '/' || seat) % 3) / 2 END AS value, hash(seat) % 2 = 0 AS swapped,
       TIMESTAMP '2026-07-02' AS rated_at
FROM review_items, unnest(seats) t(seat);
