// A chart by uPlot: painted in the theme's colours, as wide as its place, readable by keyboard (arrows move the cursor,
// and what stands there is said below it).
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { colour, useThemeCount } from "./theme.jsx";

const axis = (extra) => ({
  stroke: () => colour("dim"),
  grid: { stroke: () => colour("line"), width: 1 },
  ticks: { stroke: () => colour("line"), width: 1, size: 5 },
  font: "12px system-ui, sans-serif",
  ...extra,
});

// Both charts of a time axis keep this much room for their numbers, so that their axes stand one above the other.
export const valueAxis = (format, extra) => axis({ size: 76, values: (_, ticks) => ticks.map(format), ...extra });
export const timeAxis = (format) => axis({ size: 34, space: 70, values: (_, ticks) => ticks.map(format) });

// Steps between ticks: bytes count in powers of two, commands in whole ones.
export const byteSteps = Array.from({ length: 50 }, (_, power) => 2 ** power);
export const wholeSteps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

export const fade = (name, share) => `color-mix(in srgb, ${colour(name)} ${share}%, transparent)`;

export function Chart({ options, data, height, label, describe, id }) {
  const place = useRef(null);
  const plot = useRef(null);
  const theme = useThemeCount();
  const [text, setText] = useState("");

  useEffect(() => {
    const width = () => Math.max(260, place.current.clientWidth);
    const chart = new uPlot(
      {
        width: width(),
        height,
        legend: { show: false },
        ...options(),
        hooks: { ...options().hooks, setCursor: [(u) => setText(u.cursor.idx == null ? "" : describe(u.cursor.idx))] },
      },
      data,
      place.current,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: width(), height }));
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [theme, data]);

  const move = (event) => {
    const last = data[0].length - 1;
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -last, End: last }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const chart = plot.current;
    const index = Math.max(0, Math.min(last, (chart.cursor.idx ?? -1) + step));
    chart.setCursor({ left: chart.valToPos(data[0][index], "x"), top: 10 });
  };

  return (
    <div class="chart" id={id}>
      <div class="plot" ref={place} role="img" aria-label={`${label}. Arrow keys move the cursor.`} tabindex="0" onKeyDown={move} />
      <p class="readout" aria-live="polite" data-empty={text === "" ? "" : undefined}>
        {text || "Point at the chart, or use the arrow keys, to read its numbers."}
      </p>
    </div>
  );
}

export function Key({ entries }) {
  return (
    <ul class="chart-key">
      {entries.map(([kind, text]) => (
        <li>
          <span class={`swatch ${kind}`} aria-hidden="true" /> {text}
        </li>
      ))}
    </ul>
  );
}
