-- Views that answer the report's questions over all captures that were ever loaded. What is current
-- stands in the views current_TABLE, one for each table. Views are made once: to have those of a
-- newer leakey, drop them and load something.

-- What leaks, worst first, and in how many processes?
CREATE VIEW IF NOT EXISTS leakey.worst_leaks AS
SELECT rule, any(culprit) AS culprit, any(place) AS place, sum(leak_bytes) AS live_bytes,
       sum(leak_count) AS live_count, sum(growth) AS growth_bytes_per_second, template, branch,
       sum(processes) AS processes_count, site_id
FROM (SELECT load_id, leak_id, rule, site_id, template, branch, growth, culprit, place
      FROM (SELECT load_id, leak_id, stack_id, rule, site_id, template, branch,
                   growth_bytes_per_second AS growth
            FROM leakey.current_leaks)
      ALL LEFT JOIN (SELECT load_id, stack_id, culprit, place FROM leakey.current_stacks)
      USING (load_id, stack_id))
ALL INNER JOIN (SELECT load_id, leak_id, count() AS processes, sum(live_bytes) AS leak_bytes,
                       sum(live_count) AS leak_count
                FROM leakey.current_capture_leaks GROUP BY load_id, leak_id)
USING (load_id, leak_id)
GROUP BY rule, site_id, template, branch
ORDER BY live_bytes DESC;

-- Which processes leak?
CREATE VIEW IF NOT EXISTS leakey.leaking_processes AS
SELECT pid, command, leaked_bytes, leaked_count, growth_bytes_per_second, live_bytes, started,
       capture_id
FROM (SELECT capture_id, sum(live_bytes) AS leaked_bytes, sum(live_count) AS leaked_count,
             sum(growth_bytes_per_second) AS growth_bytes_per_second
      FROM leakey.current_capture_leaks GROUP BY capture_id)
ALL INNER JOIN (SELECT capture_id, pid, command, live_bytes, started FROM leakey.current_captures)
USING (capture_id)
ORDER BY leaked_bytes DESC;

-- Where is memory allocated, and whose code is it?
CREATE VIEW IF NOT EXISTS leakey.biggest_sites AS
SELECT culprit, place, live AS live_bytes, peak AS peak_live_bytes, allocated AS allocated_bytes,
       allocations AS allocated_count, temporary AS temporary_count, processes AS processes_count,
       site_id
FROM (SELECT site_id, sum(live_bytes) AS live, sum(peak_live_bytes) AS peak,
             sum(allocated_bytes) AS allocated, sum(allocated_count) AS allocations,
             sum(temporary_count) AS temporary, uniqExact(capture_id) AS processes
      FROM leakey.current_capture_sites GROUP BY site_id)
ALL LEFT JOIN (SELECT site_id, any(culprit) AS culprit, any(place) AS place
               FROM (SELECT load_id, site_id, stack_id FROM leakey.current_sites)
               ALL INNER JOIN (SELECT load_id, stack_id, culprit, place FROM leakey.current_stacks)
               USING (load_id, stack_id)
               GROUP BY site_id)
USING (site_id)
ORDER BY allocated_bytes DESC;

-- How many keys does a template have, over all processes? The largest register of each place is the
-- sketch of them together, and this is Ertl's estimate of it, as leakey's own: "New cardinality
-- estimation algorithms for HyperLogLog sketches" (2017), algorithm 6, for 2^14 registers of at
-- most 51. Half the 95 % interval is 1.6 %.
CREATE VIEW IF NOT EXISTS leakey.distinct_keys_by_template AS
SELECT template, 16384 * 16384 / (2 * log(2) * z) AS distinct_keys
FROM (SELECT template, inner + 16384 * sigma + 16384 * tau * pow(2, -50) AS z
      FROM (SELECT template, inner,
                   empty + arraySum(arrayMap(k -> pow(empty, pow(2, k)) * pow(2, k - 1),
                                             arrayMap(i -> i + 1, range(40)))) AS sigma,
                   if(full = 1, 0,
                      (1 - full - arraySum(arrayMap(k -> pow(1 - pow(full, pow(2, -k)), 2) *
                                                         pow(2, -k),
                                                    arrayMap(i -> i + 1, range(40))))) / 3) AS tau
            FROM (SELECT template, sum(if(register > 50, 0, pow(2, -register))) AS inner,
                         (16384 - count()) / 16384 AS empty,
                         1 - countIf(register > 50) / 16384 AS full
                  FROM (SELECT template, place, toInt32(max(one)) AS register
                        FROM leakey.current_capture_sketches
                        ARRAY JOIN places AS place, registers AS one
                        GROUP BY template, place)
                  GROUP BY template)))
ORDER BY distinct_keys DESC;

-- The same of all templates together.
CREATE VIEW IF NOT EXISTS leakey.distinct_keys AS
SELECT 16384 * 16384 / (2 * log(2) * (inner + 16384 * sigma)) AS distinct_keys
FROM (SELECT inner, empty + arraySum(arrayMap(k -> pow(empty, pow(2, k)) * pow(2, k - 1),
                                              arrayMap(i -> i + 1, range(40)))) AS sigma
      FROM (SELECT sum(pow(2, -register)) AS inner, (16384 - count()) / 16384 AS empty
            FROM (SELECT place, toInt32(max(one)) AS register
                  FROM leakey.current_capture_sketches
                  ARRAY JOIN places AS place, registers AS one
                  GROUP BY place)));

-- Which templates miss although the same input was cached under another key?
CREATE VIEW IF NOT EXISTS leakey.templates_by_duplicate_misses AS
SELECT template, duplicate_misses, all_misses AS misses, all_reads AS reads,
       if(all_hits + all_misses = 0, NULL, all_hits / (all_hits + all_misses)) AS hit_ratio,
       processes_count
FROM (SELECT template, sum(misses) AS duplicate_misses
      FROM leakey.current_capture_miss_causes
      WHERE cause = 'duplicate-input' GROUP BY template)
ALL INNER JOIN (SELECT template, sum(reads) AS all_reads, sum(hits) AS all_hits,
                       sum(misses) AS all_misses, count() AS processes_count
                FROM leakey.current_capture_templates GROUP BY template)
USING (template)
ORDER BY duplicate_misses DESC;

-- Why does a template miss?
CREATE VIEW IF NOT EXISTS leakey.causes_by_template AS
SELECT template, cause, by_cause AS misses, by_cause / all_misses AS share_ratio
FROM (SELECT template, cause, sum(misses) AS by_cause
      FROM leakey.current_capture_miss_causes GROUP BY template, cause)
ALL INNER JOIN (SELECT template, sum(misses) AS all_misses
                FROM leakey.current_capture_templates GROUP BY template)
USING (template)
ORDER BY misses DESC;

-- What do misses cost?
CREATE VIEW IF NOT EXISTS leakey.recompute_by_template AS
SELECT template, sum(recompute_total_seconds) AS recompute_seconds, sum(misses) AS missed
FROM leakey.current_capture_templates
GROUP BY template
HAVING recompute_seconds > 0
ORDER BY recompute_seconds DESC;

-- What could be spared?
CREATE VIEW IF NOT EXISTS leakey.waste AS
SELECT sum(wasted_recompute_seconds) AS recompute_seconds, sum(wasted_redis_bytes) AS redis_bytes,
       sum(wasted_allocated_bytes) AS allocated_bytes
FROM leakey.current_sets;

-- How does the hit ratio go, a minute a row?
CREATE VIEW IF NOT EXISTS leakey.hit_ratio_over_time AS
SELECT toStartOfMinute(toDateTime(toUInt32(set_started + seconds), 'UTC')) AS minute,
       sum(hits) AS all_hits, sum(misses) AS all_misses,
       if(all_hits + all_misses = 0, NULL, all_hits / (all_hits + all_misses)) AS hit_ratio,
       sum(new_keys) AS keys, sum(recompute_seconds) AS recomputed_seconds
FROM (SELECT load_id, seconds, hits, misses, new_keys, recompute_seconds
      FROM leakey.current_windows)
ALL INNER JOIN (SELECT load_id, started_seconds AS set_started FROM leakey.current_sets)
USING (load_id)
GROUP BY minute
ORDER BY minute;

-- Which commands were called?
CREATE VIEW IF NOT EXISTS leakey.commands_by_verb AS
SELECT verb, sum(calls) AS all_calls
FROM leakey.current_capture_commands GROUP BY verb ORDER BY all_calls DESC;

-- Each process: memory, leaks and cache.
CREATE VIEW IF NOT EXISTS leakey.processes AS
SELECT pid, command, started, duration_seconds, end_reason, live_bytes, peak_live_bytes,
       leaked_bytes, reads, hits, misses,
       if(hits + misses = 0, NULL, hits / (hits + misses)) AS hit_ratio, capture_id
FROM (SELECT capture_id, pid, command, started, duration_seconds, end_reason, live_bytes,
             peak_live_bytes, leaked_bytes
      FROM leakey.current_captures
      ALL LEFT JOIN (SELECT capture_id, sum(live_bytes) AS leaked_bytes
                     FROM leakey.current_capture_leaks GROUP BY capture_id)
      USING (capture_id))
ALL LEFT JOIN (SELECT capture_id, sum(reads) AS reads, sum(hits) AS hits, sum(misses) AS misses
               FROM leakey.current_capture_templates GROUP BY capture_id)
USING (capture_id);

-- What is wrong, and in how many sets?
CREATE VIEW IF NOT EXISTS leakey.findings_by_rule AS
SELECT severity, rule, template, count() AS sets_count, any(message) AS message,
       any(remedy) AS remedy, sum(saved_recompute_seconds) AS recompute_seconds_to_save
FROM leakey.current_findings
GROUP BY severity, rule, template
ORDER BY sets_count DESC;
