// Flame graphs of the heap's sites: outermost caller at the top, a frame as wide as its share.
import { useMemo, useRef, useState } from "preact/hooks";
import { frameName, framePlace, plural } from "./data.js";
import { Choice, LeftOut, Section } from "./parts.jsx";
import { childrenShown, grow, layout } from "./tree.js";
import { bytes, count, percent } from "./units.js";

const ROW = 22; // pixels
const NARROWEST = 0.0015; // of the graph's width

const ofSites = (field) => (report) => report.heap.sites.map((site) => ({ stack: site.stack, value: site[field] ?? 0 }));
const ofLeaks = (report) => report.leaks.filter((leak) => leak.site).map((leak) => ({ stack: leak.site.stack, value: leak.live_bytes ?? 0 }));

// name, words, samples, how it is said, the total that the report states, what left-out sites have of it
const views = [
  ["live", "Live", ofSites("live_bytes"), bytes, "not freed by the end", "live_bytes"],
  ["leaked", "Leaked", ofLeaks, bytes, "of sites that keep growing, and of objects nobody frees", null],
  ["peak", "At the peak", ofSites("peak_live_bytes"), bytes, "live when its process's memory was highest", "peak_live_bytes"],
  ["allocated", "Allocated", ofSites("allocated_bytes"), bytes, "allocated in all, freed or not", "allocated_bytes"],
  ["temporary", "Temporary", ofSites("temporary_bytes"), bytes, "freed before the thread's next allocation (estimated: as many of each site's mean size)", "temporary_bytes"],
];

// Frames of one module have one hue; no meaning is in it that the text does not have.
function hue(module) {
  let hash = 7;
  for (const letter of module ?? "") hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return (hash * 47) % 360;
}

function describe(node, total, say) {
  const frame = node.data.frame;
  const place = frame ? framePlace(frame) : "";
  return `${node.data.name}${place && ` (${place})`}: ${say(node.value)}, ${percent(node.value / total)}`;
}

function visible(zoomed) {
  const scale = 1 / (zoomed.x1 - zoomed.x0 || 1);
  const nodes = zoomed.ancestors().slice(1).reverse().map((node) => ({ node, left: 0, width: 1 }));
  const walk = (node) => {
    nodes.push({ node, left: (node.x0 - zoomed.x0) * scale, width: (node.x1 - node.x0) * scale });
    childrenShown(node, scale, NARROWEST).forEach(walk);
  };
  walk(zoomed);
  return nodes;
}

function Graph({ root, say }) {
  const [zoomed, setZoomed] = useState(root);
  const [focused, setFocused] = useState(root);
  const [search, setSearch] = useState("");
  const place = useRef(null);
  const nodes = visible(zoomed);
  const depth = Math.max(...nodes.map(({ node }) => node.depth)) + 1;
  const wanted = search.toLowerCase();
  const found = (node) => wanted !== "" && node.data.frame && `${node.data.name} ${framePlace(node.data.frame)}`.toLowerCase().includes(wanted);
  const outermost = root.descendants().filter((node) => found(node) && !node.ancestors().slice(1).some(found));

  const focus = (node) => {
    if (!node) return;
    setFocused(node);
    requestAnimationFrame(() => place.current?.querySelector('[tabindex="0"]')?.focus());
  };
  const zoom = (node) => {
    setZoomed(node);
    focus(node);
  };
  const shown = new Set(nodes.map(({ node }) => node));
  const sibling = (step) => {
    const row = nodes.map(({ node }) => node).filter((node) => node.depth === focused.depth);
    return row[row.indexOf(focused) + step];
  };
  const onKey = (event) => {
    const steps = {
      ArrowUp: () => focus(focused.parent),
      ArrowDown: () => focus(focused.children?.find((child) => shown.has(child))),
      ArrowLeft: () => focus(sibling(-1)),
      ArrowRight: () => focus(sibling(1)),
      Home: () => focus(root),
      Escape: () => zoom(root),
      Enter: () => zoom(focused),
      " ": () => zoom(focused),
    };
    if (!steps[event.key]) return;
    event.preventDefault();
    steps[event.key]();
  };
  const current = shown.has(focused) ? focused : zoomed;

  return (
    <>
      <div class="tools">
        <label>
          Find a function <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        {wanted !== "" && (
          <span class="found" role="status">
            {outermost.length} {plural(outermost.length, "place")}: {say(outermost.reduce((sum, node) => sum + node.value, 0))}
          </span>
        )}
        {zoomed !== root && (
          <button type="button" onClick={() => zoom(root)}>
            Show all
          </button>
        )}
      </div>
      <p class="readout" aria-live="polite" id="flame-readout">
        {describe(current, root.value, say)}
      </p>
      <div class="flames" ref={place} role="tree" aria-label="Flame graph" style={{ height: `${depth * ROW}px` }} onKeyDown={onKey}>
        {nodes.map(({ node, left, width }) => (
          <div
            role="treeitem"
            class={`flame${found(node) ? " matches" : ""}${node.data.frame ? "" : " whole"}${node.depth < zoomed.depth ? " above" : ""}`}
            aria-level={node.depth + 1}
            aria-selected={node === current}
            aria-label={describe(node, root.value, say)}
            tabindex={node === current ? 0 : -1}
            title={describe(node, root.value, say)}
            style={{ left: `${left * 100}%`, width: `${width * 100}%`, top: `${node.depth * ROW}px`, "--hue": hue(node.data.frame?.module) }}
            onMouseEnter={() => setFocused(node)}
            onFocus={() => setFocused(node)}
            onClick={() => zoom(node)}
          >
            {width > 0.015 ? node.data.name : ""}
          </div>
        ))}
      </div>
      <p class="dim hint">Click or Enter: zoom. Arrow keys: move. Escape: show all.</p>
    </>
  );
}

function Heaviest({ frames, samples, say, total }) {
  const heaviest = samples
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, 10);
  return (
    <details>
      <summary>{heaviest.length === 1 ? "The site" : `The ${heaviest.length} heaviest sites`} as a table</summary>
      <div class="scroll">
      <table class="plain sites">
        <thead>
          <tr>
            <th scope="col">Allocating function</th>
            <th scope="col">Called by</th>
            <th scope="col">Amount</th>
            <th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          {heaviest.map(({ stack, value }) => (
            <tr>
              <td>
                <code>{stack.length ? frameName(frames[stack[0]]) : "unknown"}</code>
              </td>
              <td>
                <code>{stack.slice(1, 4).map((index) => frameName(frames[index])).join(" ← ")}</code>
              </td>
              <td>{say(value)}</td>
              <td>{percent(value / total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </details>
  );
}

export function Flames({ page }) {
  const { report, frames, left_out } = page;
  const [chosen, choose] = useState(report.leaks.length > 0 ? "leaked" : "live");
  const [, , samplesOf, say, words, leftField] = views.find(([name]) => name === chosen);
  const samples = useMemo(() => samplesOf(report), [chosen]);
  const root = useMemo(() => layout(grow(frames, samples)), [samples]);
  const leftOut = leftField === null ? 0 : left_out.sites[leftField];
  return (
    <Section id="flames" title="Memory by site" lead="Who allocated it: outermost caller at the top, a frame as wide as its share.">
      <Choice label="What is shown" options={views.map(([name, text]) => [name, text])} value={chosen} onChoose={choose} />
      {root.value > 0 ? (
        <>
          <p class="total">
            <b data-figure={`flame_${chosen}`}>{say(root.value)}</b> {words}
          </p>
          <Graph key={chosen} root={root} say={say} />
          <Heaviest frames={frames} samples={samples} say={say} total={root.value} />
        </>
      ) : (
        <p>Nothing: no memory {words}.</p>
      )}
      {left_out.sites.count > 0 && (
        <LeftOut>
          {count(left_out.sites.count)} lighter sites are left out here{leftOut > 0 && `, with ${say(leftOut)}`}. The JSON report has them all.
        </LeftOut>
      )}
    </Section>
  );
}
