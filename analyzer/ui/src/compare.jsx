// Two runs side by side: did it help?
import { useMemo, useState } from "preact/hooks";
import { CaptureTable } from "./captures.jsx";
import { plural } from "./data.js";
import { Bar, LeftOut, Section, Severity, useMore } from "./parts.jsx";
import { Sparkline } from "./templates.jsx";
import { Charts, limitsOf } from "./timeline.jsx";
import { bytes, count, ratio, seconds } from "./units.js";

const formats = { ratio, count, bytes, seconds };
const verdicts = {
  better: { icon: "✔", word: "better", kind: "good" },
  worse: { icon: "✖", word: "worse", kind: "error" },
  mixed: { icon: "◆", word: "mixed", kind: "warning" },
  same: { icon: "=", word: "same", kind: "dim" },
};

function Verdict({ of }) {
  const { icon, word, kind } = verdicts[of];
  return (
    <span class={`badge ${kind}`}>
      <span aria-hidden="true">{icon}</span> {word}
    </span>
  );
}

// With its sign: a difference.
function change(value, unit) {
  if (value === null || !Number.isFinite(value)) return "?";
  if (unit === "ratio") return (Math.abs(value) < 0.005 ? "+" : value < 0 ? "-" : "+") + Math.abs(Math.abs(value) < 0.005 ? 0 : value).toFixed(2);
  return (value < 0 ? "-" : "+") + formats[unit](Math.abs(value));
}

// "-1.99 .. -1.65 MiB": a unit that both ends have is said once.
function limits({ interval: [low, high], unit }) {
  if (low === null || high === null) return "too little to tell";
  const ends = [change(low, unit), change(high, unit)];
  const [one, other] = ends.map((text) => text.split(" ").slice(1).join(" "));
  if (one === other && one !== "") ends[0] = ends[0].split(" ")[0];
  return ends.join(" .. ");
}

const difference = (metric) => (metric.before === null || metric.after === null ? null : metric.after - metric.before);

function sentence(metric) {
  const say = formats[metric.unit];
  return `${metric.label} ${say(metric.before)} → ${say(metric.after)} (${change(difference(metric), metric.unit)}, 95 % ${limits(metric)})`;
}

function counts(comparison, left) {
  const all = [
    ["fixed", comparison.fixed.length + left.fixed],
    ["new", comparison.new.length + left.new],
    ["remaining", comparison.remaining.length + left.remaining],
  ].filter(([, number]) => number > 0);
  if (all.length === 0) return "no finding before or after";
  return all.map(([word, number]) => `${number} ${plural(number, "finding")} ${word}`).join(", ");
}

function Summary({ comparison, left }) {
  const better = comparison.metrics.find((metric) => metric.verdict === "better");
  const worse = comparison.metrics.find((metric) => metric.verdict === "worse");
  return (
    <Section id="verdict" title="Verdict">
      <p class="headline">
        <Verdict of={comparison.verdict} /> {better && sentence(better)}
        {better && worse && ", but "}
        {worse && sentence(worse)}
        {!better && !worse && "no metric changed beyond noise"}; {counts(comparison, left)}.
      </p>
      {comparison.unequal_paces && (
        <p class="dim">
          A miss took {Number(comparison.pace_ratio.toPrecision(2))} times as long to recompute as before: the machine was under another load, or the model is another. Live memory, which
          depends on it, is not called a change.
        </p>
      )}
      {comparison.unequal_lengths && (
        <p class="dim">One run has many more reads than the other. What depends on the cache's age is called a change only if it also shows over the first reads of both.</p>
      )}
    </Section>
  );
}

function Sides({ metric }) {
  const most = Math.max(Math.abs(metric.before ?? 0), Math.abs(metric.after ?? 0)) || 1;
  const whole = metric.unit === "ratio" ? 1 : most;
  return (
    <span class="two-bars" aria-hidden="true">
      <Bar ratio={metric.before / whole} kind="before" />
      <Bar ratio={metric.after / whole} kind="after" />
    </span>
  );
}

function Metrics({ metrics }) {
  return (
    <Section id="metrics" title="Metrics" lead="Better or worse is said only where the 95 % interval of the change excludes zero and the change is more than noise.">
      <table class="cards metrics-table">
        <thead>
          <tr>
            {["Metric", "Before", "After", "", "Change", "95 % interval", "Verdict"].map((name) => (
              <th scope="col">{name || <span class="hidden">Before and after as bars</span>}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {metrics
            .filter((metric) => metric.before !== null && metric.after !== null)
            .map((metric) => (
              <tr data-metric={metric.name}>
                <th scope="row" data-name="Metric">
                  {metric.label}
                </th>
                <td data-name="Before" class="number">
                  {formats[metric.unit](metric.before)}
                </td>
                <td data-name="After" class="number">
                  {formats[metric.unit](metric.after)}
                </td>
                <td class="bars">
                  <Sides metric={metric} />
                </td>
                <td data-name="Change" class="number">
                  {change(difference(metric), metric.unit)}
                </td>
                <td data-name="95 % interval" class="number">
                  {limits(metric)}
                </td>
                <td data-name="Verdict">
                  <Verdict of={metric.verdict} />
                </td>
              </tr>
            ))}
        </tbody>
      </table>
    </Section>
  );
}

function Items({ title, icon, items, left, none }) {
  const [shown, more] = useMore(20);
  return (
    <div class="items">
      <h3>
        <span aria-hidden="true">{icon}</span> {title} ({items.length + left})
      </h3>
      {items.length === 0 && <p class="dim">{none}</p>}
      <ul class="plain-list">
        {items.slice(0, shown).map((item) => (
          <li>
            <Severity of={item.severity} /> <span class="rule">{item.rule}</span> {item.template && <code class="template">{item.template}</code>}
            {item.function && (
              <>
                {" "}
                in <code>{item.function}</code>
              </>
            )}
            <p>{item.message}</p>
          </li>
        ))}
      </ul>
      {more(items.length)}
      {left > 0 && <LeftOut>{count(left)} more are in the JSON comparison.</LeftOut>}
    </div>
  );
}

// Templates of both runs, by name.
function pairs(before, after) {
  const all = new Map();
  for (const [side, report] of [["before", before], ["after", after]])
    for (const template of report.cache.templates) all.set(template.template, { ...all.get(template.template), [side]: template });
  const reads = ({ before: a, after: b }) => Math.max(a?.reads ?? 0, b?.reads ?? 0);
  return [...all].sort((a, b) => reads(b[1]) - reads(a[1]));
}

function Two({ of, say }) {
  return (
    <>
      <span class="side">{of.before ? say(of.before) : "none"}</span> <span aria-label="then">→</span> <span class="side">{of.after ? say(of.after) : "none"}</span>
    </>
  );
}

function Templates({ page }) {
  const [filter, setFilter] = useState("");
  const [shown, more] = useMore(50);
  const all = useMemo(() => pairs(page.before.report, page.after.report), [page]);
  const rows = all.filter(([name]) => name.toLowerCase().includes(filter.toLowerCase()));
  const left = page.before.left_out.templates.count + page.after.left_out.templates.count;
  return (
    <Section id="templates" title="Cache templates" lead="Before → after, of each template.">
      <div class="tools">
        <label>
          Filter <input type="search" id="template-filter" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        </label>
        <span role="status">
          {rows.length} of {count(all.length)} templates
        </span>
      </div>
      <table class="cards">
        <thead>
          <tr>
            {["Template", "Reads", "Hit ratio", "Misses", "Keys", "Before, over time", "After, over time"].map((name) => (
              <th scope="col">{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, shown).map(([name, of]) => (
            <tr key={name}>
              <th scope="row" data-name="Template">
                <code>{name}</code>
              </th>
              <td data-name="Reads" class="number">
                <Two of={of} say={(t) => count(t.reads)} />
              </td>
              <td data-name="Hit ratio" class="number">
                <Two of={of} say={(t) => ratio(t.hit_ratio)} />
              </td>
              <td data-name="Misses" class="number">
                <Two of={of} say={(t) => count(t.misses)} />
              </td>
              <td data-name="Keys" class="number">
                <Two of={of} say={(t) => count(t.distinct_keys)} />
              </td>
              <td data-name="Before">
                <Sparkline windows={of.before?.windows} />
              </td>
              <td data-name="After">
                <Sparkline windows={of.after?.windows} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {more(rows.length)}
      {left > 0 && <LeftOut>{count(left)} templates with fewer misses are left out here. The JSON reports have them all.</LeftOut>}
    </Section>
  );
}

export function Comparison({ page }) {
  const { comparison, before, after, left_out: left } = page;
  const limits = limitsOf(before.report, after.report);
  const captures = [before, after].flatMap(({ report }, index) => report.captures.map((capture) => ({ capture, side: index === 0 ? "before" : "after" })));
  return (
    <>
      <Summary comparison={comparison} left={left} />
      <Metrics metrics={comparison.metrics} />
      <Section id="changes" title="Findings">
        <div>
          <Items title="Fixed" icon="✔" items={comparison.fixed} left={left.fixed} none="Nothing was fixed." />
          <Items title="New" icon="+" items={comparison.new} left={left.new} none="Nothing is new." />
          <Items title="Remaining" icon="…" items={comparison.remaining} left={left.remaining} none="Nothing remains." />
        </div>
      </Section>
      <Section id="sides" title="Timelines" lead="Each run from its own start, both on one scale.">
        <div class="columns">
          {[
            ["Before", before],
            ["After", after],
          ].map(([name, side]) => (
            <div class="side-by-side">
              <h3>{name}</h3>
              <Charts report={side.report} sync={name} limits={limits} />
            </div>
          ))}
        </div>
      </Section>
      <Templates page={page} />
      <Section id="captures" title="Captures">
        <CaptureTable captures={captures} />
      </Section>
    </>
  );
}
