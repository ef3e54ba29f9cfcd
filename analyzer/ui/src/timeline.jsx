// Memory and the cache on one time axis: what rises with which commands.
import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import { Chart, Key, byteSteps, fade, timeAxis, valueAxis, wholeSteps } from "./chart.jsx";
import { Section } from "./parts.jsx";
import { colour } from "./theme.jsx";
import { bytes, count, seconds } from "./units.js";

const MARKS_MOST = 40;

const clock = (value) => (value >= 119.5 ? seconds(value) : `${Number(value.toFixed(3))} s`);

// Where leaks begin to grow, and where spikes stand: { seconds, text, kind }.
function marks(report) {
  const all = [];
  for (const leak of report.leaks)
    if (leak.started_seconds !== null && leak.started_seconds > 0) all.push({ seconds: leak.started_seconds, text: "leak starts", kind: "leak" });
  for (const { spike, metrics } of report.findings)
    if (spike && spike.first_seconds != null)
      for (let index = 0; index < Math.min(metrics.count, MARKS_MOST); index++)
        all.push({ seconds: spike.first_seconds + index * metrics.period_seconds, text: "spike", kind: "spike" });
  return all;
}

// Spikes are triangles at the top, leaks dashed lines with a word: told apart without colour.
function paintMarks(all) {
  return (u) => {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    ctx.save();
    for (const mark of all) {
      const x = u.valToPos(mark.seconds, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.fillStyle = ctx.strokeStyle = colour(mark.kind === "leak" ? "miss" : "text");
      if (mark.kind === "leak") {
        ctx.setLineDash([4 * ratio, 4 * ratio]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      } else {
        ctx.beginPath();
        ctx.moveTo(x - 5 * ratio, bbox.top);
        ctx.lineTo(x + 5 * ratio, bbox.top);
        ctx.lineTo(x, bbox.top + 8 * ratio);
        ctx.fill();
      }
    }
    ctx.restore();
  };
}

const cursor = (key) => ({ sync: { key, scales: ["x", null] }, drag: { x: false, y: false }, points: { size: 7 } });

// The axes of both charts begin and end together.
function endOf(report) {
  const point = (report.heap.timeline ?? []).at(-1);
  const window = (report.windows ?? []).at(-1);
  return Math.max(0.001, point?.seconds ?? 0, window ? window.seconds + window.width_seconds : 0);
}

function Memory({ report, sync, limits }) {
  const { end } = limits;
  const points = report.heap.timeline;
  const data = useMemo(() => [points.map((p) => p.seconds), points.map((p) => p.max_live_bytes), points.map((p) => p.live_bytes)], [points]);
  const all = useMemo(() => marks(report), [report]);
  const options = () => ({
    cursor: cursor(sync),
    scales: { x: { time: false, range: () => [0, end] }, y: { range: () => [0, limits.bytes * 1.08] } },
    axes: [timeAxis(clock), valueAxis(bytes, { incrs: byteSteps })],
    series: [
      {},
      { stroke: colour("memory-most"), width: 1, dash: [4, 3], points: { show: false } },
      { stroke: colour("memory"), fill: fade("memory", 22), width: 2, points: { show: false } },
    ],
    hooks: { draw: [paintMarks(all)] },
  });
  const describe = (index) => {
    const p = points[index];
    return `At ${clock(p.seconds)}: ${bytes(p.live_bytes)} live, at most ${bytes(p.max_live_bytes)} since the point before, ${bytes(p.allocated_bytes)} allocated so far`;
  };
  return (
    <>
      <h3>Live memory</h3>
      <Key
        entries={[
          ["memory", "live memory"],
          ["memory-most", "highest in between"],
          ...(all.some((mark) => mark.kind === "leak") ? [["leak-mark", "a leak begins to grow"]] : []),
          ...(all.some((mark) => mark.kind === "spike") ? [["spike-mark", "spikes, by their period"]] : []),
        ]}
      />
      <Chart id="memory-chart" options={options} data={data} height={240} describe={describe} label={`Live memory over ${clock(end)}: ${bytes(report.heap.peak_live_bytes)} at its peak`} />
    </>
  );
}

// Misses and on them hits, as bars: what is painted first holds the sum of both. Writes are a dashed line.
function Commands({ windows, sync, limits }) {
  const { end, scale } = limits;
  const data = useMemo(
    () => [
      windows.map((w) => w.seconds + w.width_seconds / 2),
      windows.map((w) => (w.misses + w.hits) * scale(w)),
      windows.map((w) => w.misses * scale(w)),
      windows.map((w) => w.writes * scale(w)),
    ],
    [windows],
  );
  const bars = uPlot.paths.bars({ size: [0.9, 60], gap: 0 });
  const series = (name) => ({ stroke: colour(name), fill: colour(name), width: 0, paths: bars, points: { show: false } });
  const options = () => ({
    cursor: cursor(sync),
    scales: { x: { time: false, range: () => [0, end] }, y: { range: () => [0, limits.commands * 1.08] } },
    axes: [timeAxis(clock), valueAxis(count, { incrs: wholeSteps })],
    series: [{}, series("hit"), series("miss"), { stroke: colour("write"), width: 2, dash: [5, 3], points: { show: false } }],
  });
  const describe = (index) => {
    const w = windows[index];
    return `From ${clock(w.seconds)}, for ${seconds(w.width_seconds)}: ${count(w.hits)} hits, ${count(w.misses)} misses, ${count(w.writes)} writes; ${count(w.new_keys)} new keys; ${seconds(w.recompute_seconds)} recomputing`;
  };
  return (
    <>
      <h3>Cache, keys per {scale === perSecond ? "second" : seconds(windows[0].width_seconds)}</h3>
      <Key
        entries={[
          ["miss", "misses"],
          ["hit", "hits, on top of them"],
          ["write-dash", "writes"],
        ]}
      />
      <Chart id="cache-chart" options={options} data={data} height={200} describe={describe} label={`Hits, misses and writes over ${clock(end)}`} />
    </>
  );
}

function Table({ windows }) {
  return (
    <details>
      <summary>The same as a table</summary>
      <div class="scroll">
        <table class="plain">
          <thead>
            <tr>
              {["From", "Live (mean)", "Live (most)", "Allocated", "Hits", "Misses", "Writes"].map((name) => (
                <th scope="col">{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {windows.map((w) => (
              <tr>
                <th scope="row">{clock(w.seconds)}</th>
                {[bytes(w.live_bytes), bytes(w.max_live_bytes), bytes(w.allocated_bytes), count(w.hits), count(w.misses), count(w.writes)].map((text) => (
                  <td>{text}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

const perWindow = () => 1;
const perSecond = (window) => 1 / window.width_seconds;

// What both charts need on their axes, so that two reports can share it. The slices of two reports differ in width, so
// then it is commands per second that are drawn.
export function limitsOf(...reports) {
  const scale = reports.length > 1 ? perSecond : perWindow;
  const most = (values) => Math.max(1, ...values);
  return {
    end: Math.max(...reports.map(endOf)),
    bytes: most(reports.flatMap((report) => (report.heap.timeline ?? []).map((point) => point.max_live_bytes ?? 0))),
    commands: most(reports.flatMap((report) => (report.windows ?? []).map((w) => Math.max(w.hits + w.misses, w.writes) * scale(w)))),
    scale,
  };
}

// Without a heading of its own: comparisons show two of them.
export function Charts({ report, sync, limits = limitsOf(report) }) {
  const windows = report.windows ?? [];
  const used = windows.some((w) => w.reads + w.writes > 0);
  return (
    <>
      {report.heap.live_bytes !== null && report.heap.timeline.length > 1 ? <Memory report={report} sync={sync} limits={limits} /> : <p>The heap was not recorded.</p>}
      {used ? <Commands windows={windows} sync={sync} limits={limits} /> : <p>No cache command was seen.</p>}
      {windows.length > 0 && <Table windows={windows} />}
    </>
  );
}

export function Timeline({ report }) {
  return (
    <Section id="timeline" title="Timeline" lead="Memory and cache commands on one clock, from the first capture's start.">
      <Charts report={report} sync="time" />
    </Section>
  );
}
