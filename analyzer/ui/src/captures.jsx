// What was recorded, and what limits what can be said about it.
import { commandLine, plural } from "./data.js";
import { LeftOut, Section, useMore } from "./parts.jsx";
import { bytes, count, seconds } from "./units.js";

const ends = { exit: "exit", signal: "a signal", exec: "exec", running: "still running", unknown: "unknown" };

function limits(report) {
  const notes = [];
  if (report.captures.some((capture) => capture.stack_fallback))
    notes.push("libunwind.so.8 was not found where the service ran: stacks come from a fallback and may be incomplete");
  return [...notes, ...report.notes];
}

export function Notes({ page }) {
  const notes = limits(page.report);
  const left = page.left_out;
  if (notes.length === 0 && !left.texts_count) return null;
  return (
    <aside class="notes" aria-label="Notes">
      <h3>What limits this report</h3>
      <ul>
        {notes.map((note) => (
          <li>{note}</li>
        ))}
        {left.texts_count > 0 && <li>{count(left.texts_count)} long texts are shortened on this page, to keep it small.</li>}
        {left.notes_count > 0 && <li>{count(left.notes_count)} more notes are in the JSON report.</li>}
      </ul>
    </aside>
  );
}

function sampling(capture) {
  if (!capture.heap) return "heap side off";
  return capture.sample_bytes <= 1 ? "every allocation" : `one per ${bytes(capture.sample_bytes)}`;
}

function losses({ events, damaged_count }) {
  return [
    events.overwritten_count > 0 && `${count(events.overwritten_count)} overwritten`,
    events.dropped_count > 0 && `${count(events.dropped_count)} dropped`,
    damaged_count > 0 && `${count(damaged_count)} damaged parts left out`,
  ]
    .filter(Boolean)
    .join(", ");
}

function Row({ capture, side }) {
  const lost = losses(capture);
  return (
    <tr>
      {side && <td data-name="Side">{side}</td>}
      <td data-name="Process">
        <code>{commandLine(capture)}</code>
        <br />
        <small>{capture.path}</small>
      </td>
      <td data-name="Pid" class="number">
        {capture.process.pid}
      </td>
      <td data-name="Started">{capture.started ? capture.started.replace("T", " ").replace(/\.\d+Z$/, " UTC") : "unknown"}</td>
      <td data-name="Duration" class="number">
        {seconds(capture.duration_seconds)}
        {capture.paused_count > 0 && `, ${seconds(capture.paused_seconds)} of it paused`}
      </td>
      <td data-name="Ended by">{ends[capture.end] ?? capture.end}</td>
      <td data-name="Sampled">
        {sampling(capture)}
        {!capture.cache ? "; cache side off" : capture.keys_hashed ? "; keys hashed" : ""}
      </td>
      <td data-name="Events" class="number">
        {count(capture.events.recorded_count)}
        {lost && <small> ({lost})</small>}
      </td>
    </tr>
  );
}

export function CaptureTable({ captures }) {
  const [shown, more] = useMore(20);
  const sides = captures.some(({ side }) => side);
  return (
    <>
      <table class="cards">
        <thead>
          <tr>
            {[...(sides ? ["Side"] : []), "Process", "Pid", "Started", "Duration", "Ended by", "Sampled", "Events"].map((name) => (
              <th scope="col">{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {captures.slice(0, shown).map(({ capture, side }) => (
            <Row capture={capture} side={side} />
          ))}
        </tbody>
      </table>
      {more(captures.length)}
    </>
  );
}

function Suppressed({ of }) {
  if (!of) return null;
  return (
    <>
      <h3>Suppressed leaks</h3>
      <p>
        {of.leaks_count} {plural(of.leaks_count, "leak")} with {bytes(of.live_bytes)}, by <code>{of.file}</code>
      </p>
      <ul>
        {of.lines
          .filter((line) => line.leaks_count > 0)
          .map((line) => (
            <li>
              line {line.line}, <code>{line.pattern}</code>: {line.leaks_count} {plural(line.leaks_count, "leak")}, {bytes(line.live_bytes)}
            </li>
          ))}
      </ul>
    </>
  );
}

export function Captures({ page }) {
  const { report, left_out } = page;
  const lead = report.captures.length > 1 ? `${report.captures.length} captures, taken together as one service.` : undefined;
  return (
    <Section id="captures" title="Captures" lead={lead}>
      <CaptureTable captures={report.captures.map((capture) => ({ capture }))} />
      {left_out.captures_count > 0 && <LeftOut>{count(left_out.captures_count)} more captures are in the JSON report.</LeftOut>}
      <Suppressed of={report.suppressed} />
    </Section>
  );
}
