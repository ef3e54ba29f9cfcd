// Every leak, with what it follows.
import { firstFrame, frameName, framePlace, plural } from "./data.js";
import { LeftOut, Section, Stack, useMore } from "./parts.jsx";
import { bytes, count, interval, per, percent } from "./units.js";

const outcomes = { hit: "on hits", miss: "on misses", write: "on writes" };

function Leak({ leak, frames }) {
  const frame = firstFrame(frames, leak.site?.stack);
  const limits = interval(leak.live_bytes_interval, bytes);
  const follows = [leak.template, outcomes[leak.outcome] ?? leak.branch].filter(Boolean);
  return (
    <tr>
      <td data-name="Where">
        <code>{frame ? frameName(frame) : "unknown"}</code> <small>{frame && framePlace(frame)}</small>
        {leak.site && (
          <details>
            <summary>Stack</summary>
            <Stack frames={frames} stack={leak.site.stack} />
          </details>
        )}
      </td>
      <td data-name="Rule">{leak.rule}</td>
      <td data-name="Leaked" class="number">
        {bytes(leak.live_bytes)}
        {limits && <small> ({limits})</small>}
        <br />
        <small>
          {count(leak.live_count)} {plural(leak.live_count, "block")}
          {leak.exact ? ", exact" : ""}
        </small>
      </td>
      <td data-name="Grows by" class="number">
        {per(bytes, "/s")(leak.growth_bytes_per_second)}
      </td>
      <td data-name="Follows">
        {follows.length > 0 ? (
          <>
            {leak.template && <code>{leak.template}</code>} {follows[leak.template ? 1 : 0]}
            {leak.bytes_per_command !== null && <small> ({bytes(leak.bytes_per_command)} each)</small>}
          </>
        ) : (
          "no command"
        )}
      </td>
      <td data-name="Confidence" class="number">
        {percent(leak.confidence_ratio)}
      </td>
    </tr>
  );
}

export function Leaks({ page }) {
  const { report, frames, left_out } = page;
  const [shown, more] = useMore(20);
  return (
    <Section id="leaks" title="Leaks" lead="Memory that keeps growing in steady state, or that nobody frees.">
      <table class="cards">
        <thead>
          <tr>
            {["Where", "Rule", "Leaked", "Grows by", "Follows", "Confidence"].map((name) => (
              <th scope="col">{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {report.leaks.slice(0, shown).map((leak) => (
            <Leak leak={leak} frames={frames} />
          ))}
        </tbody>
      </table>
      {more(report.leaks.length)}
      {left_out.leaks_count > 0 && <LeftOut>{count(left_out.leaks_count)} more leaks are in the JSON report.</LeftOut>}
    </Section>
  );
}
