// Each finding: what it says, the remedy, its numbers, and what speaks for it.
import { Evidence } from "./evidence.jsx";
import { plural } from "./data.js";
import { Bar, LeftOut, Section, Severity, Stack, Stacks, useMore } from "./parts.jsx";
import { byName, bytes, count, interval, label, percent, ratio, seconds } from "./units.js";

function Metrics({ metrics }) {
  const names = Object.keys(metrics);
  if (names.length === 0) return null;
  return (
    <dl class="metrics">
      {names.map((name) => (
        <div>
          <dt>{label(name)}</dt>
          <dd>{byName(name, metrics[name])}</dd>
        </div>
      ))}
    </dl>
  );
}

function HitBar({ name, ratio: value, limits }) {
  return (
    <div class="hit-bar">
      <span>{name}</span>
      <Bar ratio={value} kind="hit" />
      <span>
        <b>{ratio(value)}</b> {interval(limits, ratio) && <small>({interval(limits, ratio)})</small>}
      </span>
    </div>
  );
}

function Predicted({ predicted, template }) {
  const saved = [
    predicted.saved_recompute_seconds > 0 && `${seconds(predicted.saved_recompute_seconds)} of recomputing`,
    predicted.saved_redis_bytes > 0 && `${bytes(predicted.saved_redis_bytes)} written to Redis`,
  ].filter(Boolean);
  return (
    <div class="predicted">
      <h4>Hit ratio of the template</h4>
      {template && <HitBar name="now" ratio={template.hit_ratio} />}
      <HitBar name="with the cure" ratio={predicted.hit_ratio} limits={predicted.hit_ratio_interval} />
      <p>
        {count(predicted.distinct_keys)} distinct {plural(predicted.distinct_keys, "key")}
        {template && ` in place of ${count(template.distinct_keys)}`}
        {saved.length > 0 && `; it would have spared ${saved.join(" and ")}`}.
      </p>
    </div>
  );
}

function Varying({ varying }) {
  if (varying.length === 0) return null;
  return (
    <p>
      What varies, and in what share of the misses:{" "}
      {varying.map(({ class: name, share_ratio }, index) => (
        <>
          {index > 0 && ", "}
          <b>{name}</b> {percent(share_ratio)}
        </>
      ))}
      .
    </p>
  );
}

function Spike({ spike, frames }) {
  if (!spike?.sites?.length) return null;
  return (
    <details>
      <summary>Whose memory the spikes are ({spike.sites.length})</summary>
      {spike.sites.map((site) => (
        <>
          <p>
            {bytes(site.height_bytes)} of a spike, {percent(site.share_ratio)} of what rises
          </p>
          <Stack frames={frames} stack={site.stack} />
        </>
      ))}
    </details>
  );
}

function Finding({ finding, number, frames, template, leftOut }) {
  const open = finding.evidence.length > 0 && number <= 3;
  return (
    <article id={`finding-${number}`} class={`finding ${finding.severity}`} aria-labelledby={`finding-${number}-title`}>
      <header>
        <Severity of={finding.severity} /> <span class="rule">{finding.rule}</span>
        {finding.template && <code class="template">{finding.template}</code>}
      </header>
      <h3 id={`finding-${number}-title`}>
        {number}. {finding.message}
      </h3>
      {finding.remedy && (
        <p class="remedy">
          <b>Remedy:</b> {finding.remedy.split("`").map((text, index) => (index % 2 ? <code>{text}</code> : text))}
        </p>
      )}
      <Varying varying={finding.varying} />
      {finding.predicted && <Predicted predicted={finding.predicted} template={template} />}
      {finding.evidence.length > 0 && (
        <details open={open}>
          <summary>
            Evidence: {finding.evidence.length} {plural(finding.evidence.length, "pair")} of keys
          </summary>
          <Evidence of={finding.evidence[0]} />
          {finding.evidence.length > 1 && (
            <details>
              <summary>
                {finding.evidence.length - 1} more {plural(finding.evidence.length - 1, "pair")}
              </summary>
              {finding.evidence.slice(1).map((pair) => (
                <Evidence of={pair} />
              ))}
            </details>
          )}
          {leftOut > 0 && <LeftOut>{count(leftOut)} more pairs are in the JSON report.</LeftOut>}
        </details>
      )}
      <details>
        <summary>Numbers</summary>
        <Metrics metrics={finding.metrics} />
      </details>
      <Spike spike={finding.spike} frames={frames} />
      <Stacks frames={frames} stacks={finding.call_sites} title="Call sites" />
    </article>
  );
}

export function Findings({ page }) {
  const { report, frames, left_out } = page;
  const [shown, more] = useMore(50);
  const templates = new Map(report.cache.templates.map((template) => [template.template, template]));
  return (
    <Section id="findings" title="Findings">
      {report.findings.slice(0, shown).map((finding, index) => (
        <Finding finding={finding} number={index + 1} frames={frames} template={templates.get(finding.template)} leftOut={finding.left_out_evidence_count ?? 0} />
      ))}
      {more(report.findings.length)}
      {left_out.findings_count > 0 && <LeftOut>{count(left_out.findings_count)} more findings, less severe, are in the JSON report.</LeftOut>}
    </Section>
  );
}
