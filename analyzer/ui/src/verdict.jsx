// First of all: what is wrong, in one sentence each, and the numbers that matter.
import { plural } from "./data.js";
import { Figure, Section, Severity } from "./parts.jsx";
import { bytes, count, interval, percent, ratio, seconds } from "./units.js";

// As the text report says it where there is no finding.
function Clean({ page }) {
  const { report } = page;
  const { cache, heap } = report;
  const span = Math.max(0, ...report.captures.map((capture) => capture.duration_seconds ?? 0));
  const reads = cache.reads
    ? `${count(cache.reads)} cache reads with a hit ratio of ${ratio(cache.hit_ratio)}`
    : "no cache read was seen";
  const sites = count(heap.sites.length + page.left_out.sites.count);
  const memory = heap.live_bytes === null ? "the heap was not recorded" : `none of ${sites} allocation sites keeps growing`;
  const suppressed = report.suppressed?.leaks_count ?? 0;
  return (
    <p class="headline good">
      <span aria-hidden="true">✔</span> <b>No finding:</b> {reads}; {memory}
      {suppressed > 0 && `, but for ${suppressed} ${plural(suppressed, "leak that is", "leaks that are")} suppressed`}.
      {cache.reads > 0 && cache.reads < 100 && " So few reads say little about the keys."}
      {heap.live_bytes !== null && span < 5 && ` ${seconds(span)} is short for telling growth from start-up.`}
    </p>
  );
}

function headline(findings) {
  const counts = ["error", "warning", "note"]
    .map((severity) => [severity, findings.filter((finding) => finding.severity === severity).length])
    .filter(([, found]) => found > 0)
    .map(([severity, found]) => `${found} ${plural(found, severity)}`);
  return counts.join(", ");
}

export function Verdict({ page }) {
  const { report } = page;
  const { cache, heap, cost, findings, leaks } = report;
  const leaked = leaks.reduce((sum, leak) => sum + (leak.live_bytes ?? 0), 0);
  return (
    <Section id="verdict" title="Verdict">
      {findings.length === 0 && <Clean page={page} />}
      {findings.length > 0 && (
        <>
          <p class="headline">
            <b>{headline(findings)}</b>
          </p>
          <ol class="verdicts">
            {findings.slice(0, 12).map((finding, index) => (
              <li>
                <Severity of={finding.severity} />{" "}
                <a href={`#finding-${index + 1}`}>{finding.message.replace(/\.$/, "")}</a>.
              </li>
            ))}
          </ol>
          {findings.length > 12 && <p>And {findings.length - 12} more below.</p>}
        </>
      )}
      <dl class="figures">
        {cache.reads !== null && (
          <>
            <Figure name="Hit ratio" id="hit_ratio" value={ratio(cache.hit_ratio)} detail={`${count(cache.hits)} hits of ${count(cache.reads)} reads`} />
            <Figure name="Misses" id="misses" value={count(cache.misses)} detail={`${count(cache.writes)} writes`} />
            <Figure name="Distinct keys" id="distinct_keys" value={count(cache.distinct_keys)} detail={cache.distinct_keys_error_ratio > 0 ? `± ${percent(cache.distinct_keys_error_ratio)}` : "exact"} />
          </>
        )}
        {heap.live_bytes !== null && (
          <>
            <Figure name="Live at the end" id="live_bytes" value={bytes(heap.live_bytes)} detail={heap.exact ? "exact" : interval(heap.live_bytes_interval, bytes) || "by sampling"} />
            <Figure name="Peak memory" id="peak_live_bytes" value={bytes(heap.peak_live_bytes)} detail={`${bytes(heap.allocated_bytes)} allocated in all`} />
            <Figure name="Leaked" id="leaked_bytes" value={bytes(leaked)} detail={`${leaks.length} ${plural(leaks.length, "leak")}`} />
          </>
        )}
        {cost.wasted_recompute_seconds > 0 && (
          <Figure name="Wasted recomputing" id="wasted_recompute_seconds" value={seconds(cost.wasted_recompute_seconds)} detail="what cures would have spared" />
        )}
      </dl>
    </Section>
  );
}
