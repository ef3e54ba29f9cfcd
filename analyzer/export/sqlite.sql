-- What the exported database has beside its tables: indices for the ways through them, and views
-- that answer the report's questions. Units are in the names; unknown is NULL.

CREATE INDEX capture_sites_by_capture ON capture_sites (capture_id);
CREATE INDEX capture_templates_by_capture ON capture_templates (capture_id);
CREATE INDEX capture_miss_causes_by_capture ON capture_miss_causes (capture_id);
CREATE INDEX capture_leaks_by_leak ON capture_leaks (leak_id);
CREATE INDEX frames_by_function ON frames (function);
CREATE INDEX leaks_by_template ON leaks (template);
CREATE INDEX findings_by_rule ON findings (rule);
CREATE INDEX findings_by_template ON findings (template);
CREATE INDEX differences_by_class ON differences (class);

-- What leaks, worst first, and how many processes are concerned?
CREATE VIEW worst_leaks AS
SELECT leaks.rule, stacks.culprit, stacks.place, leaks.live_bytes, leaks.live_count,
       leaks.growth_bytes_per_second, leaks.template, leaks.branch,
       (SELECT count(*) FROM capture_leaks WHERE capture_leaks.leak_id = leaks.leak_id)
           AS processes_count,
       leaks.confidence_ratio, leaks.leak_id
FROM leaks LEFT JOIN stacks USING (stack_id)
ORDER BY leaks.live_bytes DESC;

-- Which processes leak?
CREATE VIEW leaking_processes AS
SELECT captures.pid, captures.command, sum(capture_leaks.live_bytes) AS leaked_bytes,
       sum(capture_leaks.live_count) AS leaked_count,
       sum(capture_leaks.growth_bytes_per_second) AS growth_bytes_per_second,
       captures.live_bytes, captures.capture_id
FROM capture_leaks JOIN captures USING (capture_id)
GROUP BY captures.capture_id
ORDER BY leaked_bytes DESC;

-- Where is memory allocated, and whose code is it?
CREATE VIEW biggest_sites AS
SELECT stacks.culprit, stacks.place, sites.live_bytes, sites.peak_live_bytes,
       sites.allocated_bytes, sites.allocated_count, sites.temporary_count, sites.site_id
FROM sites JOIN stacks USING (stack_id)
ORDER BY sites.allocated_bytes DESC;

-- A stack in one line, outermost frame first.
CREATE VIEW folded_stacks AS
SELECT stack_id, group_concat(name, ';') AS stack
FROM (SELECT stack_id, coalesce(function, module, '?') AS name FROM frames
      ORDER BY stack_id, frame DESC)
GROUP BY stack_id;

-- Which templates miss although the same input was cached under another key?
CREATE VIEW templates_by_duplicate_misses AS
SELECT templates.template, miss_causes.misses AS duplicate_misses, templates.misses,
       templates.reads, templates.hit_ratio, templates.distinct_keys, templates.distinct_inputs
FROM templates JOIN miss_causes USING (template)
WHERE miss_causes.cause = 'duplicate-input' AND miss_causes.misses > 0
ORDER BY duplicate_misses DESC;

-- Why does a template miss?
CREATE VIEW causes_by_template AS
SELECT template, cause, miss_causes.misses,
       CAST(miss_causes.misses AS REAL) / templates.misses AS share_ratio
FROM miss_causes JOIN templates USING (template)
WHERE miss_causes.misses > 0
ORDER BY miss_causes.misses DESC;

-- What do misses cost?
CREATE VIEW recompute_by_template AS
SELECT template, recompute_total_seconds, recompute_p50_seconds, recompute_p99_seconds, misses
FROM templates
WHERE recompute_total_seconds > 0
ORDER BY recompute_total_seconds DESC;

-- What could be spared?
CREATE VIEW waste AS
SELECT wasted_recompute_seconds, wasted_redis_bytes, wasted_allocated_bytes FROM sets;

-- How does the hit ratio go, and memory with it?
CREATE VIEW hit_ratio_over_time AS
SELECT seconds, width_seconds, hits, misses,
       CAST(hits AS REAL) / nullif(hits + misses, 0) AS hit_ratio, new_keys, recompute_seconds,
       live_bytes
FROM windows
ORDER BY seconds;

-- Which commands were called?
CREATE VIEW commands_by_verb AS
SELECT verb, sum(calls) AS calls FROM capture_commands GROUP BY verb ORDER BY calls DESC;

-- Each process: memory, leaks and cache.
CREATE VIEW processes AS
SELECT captures.pid, captures.command, captures.started, captures.duration_seconds,
       captures.end_reason, captures.live_bytes, captures.peak_live_bytes,
       (SELECT sum(live_bytes) FROM capture_leaks AS l WHERE l.capture_id = captures.capture_id)
           AS leaked_bytes,
       sum(t.reads) AS reads, sum(t.hits) AS hits, sum(t.misses) AS misses,
       CAST(sum(t.hits) AS REAL) / nullif(sum(t.hits) + sum(t.misses), 0) AS hit_ratio,
       captures.capture_id
FROM captures LEFT JOIN capture_templates AS t USING (capture_id)
GROUP BY captures.capture_id;

-- What is wrong, most severe first, with the first pair of keys that shows it?
CREATE VIEW findings_with_evidence AS
SELECT findings.severity, findings.rule, findings.template, findings.message, findings.remedy,
       evidence.key_a, evidence.key_b, evidence.input_a, evidence.input_b,
       (SELECT group_concat(class, ' ') FROM varying
        WHERE varying.finding_id = findings.finding_id) AS varying,
       findings.finding_id
FROM findings LEFT JOIN evidence ON evidence.finding_id = findings.finding_id AND pair = 0
ORDER BY findings.finding_id;
