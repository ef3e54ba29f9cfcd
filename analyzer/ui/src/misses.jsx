// Why reads missed, what another cache size would do, and what it all costs.
import { useMemo } from "preact/hooks";
import { causes, plural } from "./data.js";
import { Chart, Key, fade, valueAxis } from "./chart.jsx";
import { Bar, Figure, Section } from "./parts.jsx";
import { colour } from "./theme.jsx";
import { bytes, count, interval, percent, ratio, seconds } from "./units.js";

export function Causes({ of, misses }) {
  return (
    <table class="plain causes">
      <thead>
        <tr>
          <th scope="col">Cause</th>
          <th scope="col">Misses</th>
          <th scope="col">Share</th>
        </tr>
      </thead>
      <tbody>
        {Object.entries(of)
          .filter(([, number]) => number > 0)
          .sort((a, b) => b[1] - a[1])
          .map(([cause, number]) => (
            <tr>
              <th scope="row">
                {cause}
                <small>{causes[cause]}</small>
              </th>
              <td data-figure={`cause_${cause}`}>{count(number)}</td>
              <td class="share">
                <Bar ratio={number / misses} kind="miss" /> {percent(number / misses)}
              </td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}

export function Misses({ report }) {
  const { cache } = report;
  return (
    <Section id="misses" title="Misses by cause" lead="Every miss has one cause.">
      {cache.misses > 0 ? <Causes of={cache.miss_causes} misses={cache.misses} /> : <p>No read missed.</p>}
      {cache.miss_ratio_curve?.length === 1 && <p>No key is read again after it was written: with these keys, no cache size would give a hit.</p>}
      {!cache.causes_exact && <p class="dim">The ring lost events: the causes are scaled up from the misses it kept.</p>}
    </Section>
  );
}

export function Curve({ report }) {
  const { cache } = report;
  const points = cache.miss_ratio_curve.filter((point) => point.cache_bytes > 0 && point.miss_ratio !== null);
  const data = useMemo(
    () => [
      points.map((p) => Math.log2(p.cache_bytes)),
      points.map((p) => p.miss_ratio_interval[1]),
      points.map((p) => p.miss_ratio_interval[0]),
      points.map((p) => p.miss_ratio),
    ],
    [cache],
  );
  if (points.length < 2) return null;
  const measured = 1 - cache.hit_ratio;
  const options = () => ({
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: false }, y: { range: () => [0, 1.02] } },
    axes: [{ ...valueAxis((value) => bytes(2 ** value)), size: 40, space: 90 }, valueAxis(ratio)],
    series: [
      {},
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: colour("miss"), width: 2, points: { show: points.length < 40, size: 5 } },
    ],
    bands: [{ series: [1, 2], fill: fade("miss", 18) }],
  });
  const describe = (index) => {
    const p = points[index];
    const limits = interval(p.miss_ratio_interval, ratio);
    return `With ${bytes(p.cache_bytes)}: miss ratio ${ratio(p.miss_ratio)}${limits && ` (${limits})`}`;
  };
  const last = points.at(-1);
  return (
    <Section id="curve" title="Miss ratio by cache size" lead="The captured reads replayed through an LRU cache of each size, with the keys as they are.">
      <p>
        Measured: <b>{ratio(measured)}</b>. The largest cache here, {bytes(last.cache_bytes)}, would have <b>{ratio(last.miss_ratio)}</b>
        {last.miss_ratio > 0.9 * measured ? ": more memory would not help." : "."}
      </p>
      <Key entries={[["miss", `miss ratio${cache.curve_exact ? "" : " (estimated from a sample of keys; the band is the 95 % interval)"}`]]} />
      <Chart id="curve-chart" options={options} data={data} height={220} describe={describe} label="Miss ratio by cache size" />
      <details>
        <summary>The same as a table</summary>
        <div class="scroll">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Cache size</th>
                <th scope="col">Miss ratio</th>
                <th scope="col">95 % interval</th>
              </tr>
            </thead>
            <tbody>
              {points.map((p) => (
                <tr>
                  <th scope="row">{bytes(p.cache_bytes)}</th>
                  <td>{ratio(p.miss_ratio)}</td>
                  <td>{interval(p.miss_ratio_interval, ratio)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </Section>
  );
}

export function Cost({ report }) {
  const { cost, cache, findings } = report;
  if (cache.reads === null) return <Section id="cost" title="Cost" lead="The cache was not recorded: what misses cost is unknown." />;
  return (
    <Section id="cost" title="Cost" lead="What the findings' cures would have spared.">
      <dl class="figures">
        <Figure name="Recomputing" id="cost_recompute" value={seconds(cost.wasted_recompute_seconds)} detail="of misses that need not have been" />
        <Figure name="Redis" id="cost_redis" value={bytes(cost.wasted_redis_bytes)} detail="written and never read" />
        <Figure name="Heap" id="cost_heap" value={bytes(cost.wasted_allocated_bytes)} detail="allocated for such misses" />
        <Figure name="Money" id="cost_money" value={cost.wasted_money === null ? "not asked" : cost.wasted_money.toFixed(2)} detail={cost.wasted_money === null ? "needs --price-gpu-hour or --price-gib-month" : `by the prices given, for ${findings.length} ${plural(findings.length, "finding")}`} />
      </dl>
    </Section>
  );
}
