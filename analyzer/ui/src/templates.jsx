// The cache, template by template: sorted, filtered, and each with its details.
import { Fragment } from "preact";
import { useMemo, useState } from "preact/hooks";
import { plural } from "./data.js";
import { Causes } from "./misses.jsx";
import { Bar, LeftOut, Section, Severity, Stacks, useMore } from "./parts.jsx";
import { bytes, count, percent, ratio, seconds } from "./units.js";

const columns = [
  { id: "template", name: "Template", of: (t) => t.template, text: true },
  { id: "reads", name: "Reads", of: (t) => t.reads, say: count },
  { id: "hit_ratio", name: "Hit ratio", of: (t) => t.hit_ratio, say: ratio },
  { id: "misses", name: "Misses", of: (t) => t.misses, say: count },
  { id: "writes", name: "Writes", of: (t) => t.writes, say: count },
  { id: "distinct_keys", name: "Keys", of: (t) => t.distinct_keys, say: count },
  { id: "recompute", name: "Recomputing", of: (t) => t.recompute_seconds.total, say: seconds },
];

// Unknown stands last, whichever way.
function compare(column, down) {
  return (a, b) => {
    const [x, y] = [column.of(a), column.of(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    const order = column.text ? x.localeCompare(y) : x - y;
    return down ? -order : order;
  };
}

const WIDE = 120;
const HIGH = 26;

// Reads as an area, misses as a darker one in it, over the report's windows.
export function Sparkline({ windows }) {
  if (!windows) return <span class="dim">no data</span>;
  const most = Math.max(1, ...windows.reads, ...windows.writes);
  const step = WIDE / Math.max(1, windows.reads.length - 1);
  const line = (values) => values.map((value, index) => `${(index * step).toFixed(1)},${(HIGH - (value / most) * (HIGH - 2)).toFixed(1)}`);
  const area = (values) => [`0,${HIGH}`, ...line(values), `${WIDE},${HIGH}`].join(" ");
  const label = `At most ${count(Math.max(...windows.reads))} reads, ${count(Math.max(...windows.misses))} misses and ${count(Math.max(...windows.writes))} writes in one of ${windows.reads.length} slices of time`;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <title>{label}</title>
      <polygon class="reads" points={area(windows.reads)} />
      <polygon class="misses" points={area(windows.misses)} />
      <polyline class="writes" points={line(windows.writes).join(" ")} />
    </svg>
  );
}

function Pairs({ of }) {
  return (
    <dl class="metrics">
      {of
        .filter(Boolean)
        .map(([name, value]) => (
          <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function ttl({ none_count, min, median, max }, writes) {
  const without = none_count > 0 && `${count(none_count)} of ${count(writes)} writes without one`;
  if (median === null) return without || "unknown";
  const range = min === max ? seconds(median) : `${seconds(min)} to ${seconds(max)}, median ${seconds(median)}`;
  return without ? `${range}; ${without}` : range;
}

const perCommand = (outcome) =>
  outcome.allocated_bytes === null ? "unknown" : `${bytes(outcome.allocated_bytes)} allocated, ${bytes(outcome.kept_bytes)} kept${outcome.leaked_bytes > 0 ? `, ${bytes(outcome.leaked_bytes)} leaked` : ""}`;

function Details({ template: t, frames, findings }) {
  return (
    <div class="template-details">
      {findings.length > 0 && (
        <ul class="plain-list">
          {findings.map(({ finding, number }) => (
            <li>
              <Severity of={finding.severity} /> <a href={`#finding-${number}`}>{finding.message}</a>
            </li>
          ))}
        </ul>
      )}
      <div class="columns">
        <div>
          <h4>Why reads missed</h4>
          {t.misses > 0 ? <Causes of={t.miss_causes} misses={t.misses} /> : <p>No read missed.</p>}
        </div>
        <div>
          <h4>Numbers</h4>
          <Pairs
            of={[
              ["Hits", count(t.hits)],
              ["Distinct inputs", count(t.distinct_inputs)],
              ["Keys never read", count(t.never_read_keys)],
              ["Written", bytes(t.written_bytes)],
              ["Deletes", count(t.deletes)],
              t.errors > 0 && ["Errors", count(t.errors)],
              ["TTL", ttl(t.ttl_seconds, t.writes)],
              ["Recompute time", `p50 ${seconds(t.recompute_seconds.p50)}, p99 ${seconds(t.recompute_seconds.p99)}`],
              ["Latency", `p50 ${seconds(t.latency_seconds.p50)}, p99 ${seconds(t.latency_seconds.p99)}`],
              ["Heap, per hit", perCommand(t.heap_per_command.hit)],
              ["Heap, per miss", perCommand(t.heap_per_command.miss)],
              ["Heap, per write", perCommand(t.heap_per_command.write)],
            ]}
          />
        </div>
      </div>
      <Stacks frames={frames} stacks={t.call_sites} title="Call sites" />
    </div>
  );
}

function Row({ template: t, number, open, toggle, frames, findings }) {
  const id = `template-${number}`;
  const worst = findings[0]?.finding.severity;
  return (
    <Fragment>
      <tr class={open ? "open" : ""}>
        <th scope="row" data-name="Template">
          <button type="button" class="expand" aria-expanded={open} aria-controls={id} onClick={toggle}>
            <span aria-hidden="true">{open ? "▾" : "▸"}</span> <code>{t.template}</code>
          </button>
          {worst && " "}
          {worst && <Severity of={worst} />}
        </th>
        {columns.slice(1).map((column) => (
          <td data-name={column.name} class="number">
            {column.id === "hit_ratio" && t.hit_ratio !== null && <Bar ratio={t.hit_ratio} kind="hit" />} {column.say(column.of(t))}
          </td>
        ))}
        <td data-name="Over time">
          <Sparkline windows={t.windows} />
        </td>
      </tr>
      {open && (
        <tr class="details-row" id={id}>
          <td colspan={columns.length + 1}>
            <Details template={t} frames={frames} findings={findings} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function findingsByTemplate(findings) {
  const by = new Map();
  findings.forEach((finding, index) => {
    if (!by.has(finding.template)) by.set(finding.template, []);
    by.get(finding.template).push({ finding, number: index + 1 });
  });
  return by;
}

function mainCause(template) {
  const [cause, number] = Object.entries(template.miss_causes).sort((a, b) => b[1] - a[1])[0];
  return number > 0 ? cause : null;
}

function Tools({ filter, setFilter, cause, setCause, causes, matching, all }) {
  return (
    <div class="tools">
      <label>
        Filter <input type="search" id="template-filter" placeholder="part of a template" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      </label>
      <label>
        Main cause of misses{" "}
        <select value={cause} onChange={(event) => setCause(event.currentTarget.value)}>
          <option value="">any</option>
          {causes.map((name) => (
            <option value={name}>{name}</option>
          ))}
        </select>
      </label>
      <span role="status" id="template-count">
        {matching === all ? `${count(all)} ${plural(all, "template")}` : `${count(matching)} of ${count(all)} templates`}
      </span>
    </div>
  );
}

export function Templates({ page }) {
  const { report, frames, left_out } = page;
  const all = report.cache.templates;
  const [sort, setSort] = useState({ id: "misses", down: true });
  const [filter, setFilter] = useState("");
  const [cause, setCause] = useState("");
  const [open, setOpen] = useState(new Set());
  const [shown, more] = useMore(50);
  const findings = useMemo(() => findingsByTemplate(report.findings), [report]);
  const causes = useMemo(() => [...new Set(all.map(mainCause).filter(Boolean))].sort(), [all]);
  const rows = useMemo(() => {
    const wanted = filter.toLowerCase();
    return all
      .filter((t) => t.template.toLowerCase().includes(wanted) && (cause === "" || mainCause(t) === cause))
      .sort(compare(columns.find(({ id }) => id === sort.id), sort.down));
  }, [all, filter, cause, sort]);
  const toggle = (template) => {
    const next = new Set(open);
    if (!next.delete(template)) next.add(template);
    setOpen(next);
  };
  const sortBy = (column) => setSort({ id: column.id, down: sort.id === column.id ? !sort.down : !column.text });
  return (
    <Section id="templates" title="Cache templates" lead="A template is a key with its varying parts named. Choose one for its causes, times and call sites.">
      <Tools {...{ filter, setFilter, cause, setCause, causes, matching: rows.length, all: all.length + left_out.templates.count }} />
      <p class="legend-line">
        <span class="swatch reads" aria-hidden="true" /> reads <span class="swatch miss" aria-hidden="true" /> misses <span class="swatch write-line" aria-hidden="true" /> writes, over time
      </p>
      <table class="cards templates">
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" aria-sort={sort.id === column.id ? (sort.down ? "descending" : "ascending") : undefined}>
                <button type="button" onClick={() => sortBy(column)}>
                  {column.name} <span aria-hidden="true">{sort.id !== column.id ? "↕" : sort.down ? "↓" : "↑"}</span>
                </button>
              </th>
            ))}
            <th scope="col">Over time</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, shown).map((template) => (
            <Row
              key={template.template}
              template={template}
              number={all.indexOf(template)}
              open={open.has(template)}
              toggle={() => toggle(template)}
              frames={frames}
              findings={findings.get(template.template) ?? []}
            />
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p>No template matches.</p>}
      {more(rows.length)}
      {left_out.templates.count > 0 && (
        <LeftOut>
          {count(left_out.templates.count)} templates with fewer misses are left out here, with {count(left_out.templates.reads)} reads, {count(left_out.templates.misses)} misses and{" "}
          {count(left_out.templates.writes)} writes. The JSON report has them all.
        </LeftOut>
      )}
    </Section>
  );
}
