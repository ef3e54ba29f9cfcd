// What the sections share.
import { useState } from "preact/hooks";
import { framePlace, frameName, severities } from "./data.js";

export function Section({ id, title, lead, children }) {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {lead && <p class="lead">{lead}</p>}
      {children}
    </section>
  );
}

export function Severity({ of }) {
  const { icon, word } = severities[of];
  return (
    <span class={`badge ${of}`}>
      <span aria-hidden="true">{icon}</span> {word}
    </span>
  );
}

export function Figure({ name, value, detail, id }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        <b data-figure={id}>{value}</b>
        {detail && <small>{detail}</small>}
      </dd>
    </div>
  );
}

export function Stack({ frames, stack }) {
  return (
    <ol class="stack">
      {stack.map((index) => (
        <li>
          <code>{frameName(frames[index])}</code> <small>{framePlace(frames[index])}</small>
          {frames[index].inlined && <small> (inlined)</small>}
        </li>
      ))}
    </ol>
  );
}

export function Stacks({ frames, stacks, title }) {
  if (!stacks?.length) return null;
  return (
    <details>
      <summary>
        {title} ({stacks.length})
      </summary>
      {stacks.map((stack) => (
        <Stack frames={frames} stack={stack} />
      ))}
    </details>
  );
}

// A part of a whole: the number stands beside it.
export function Bar({ ratio, kind }) {
  return (
    <span class={`bar ${kind ?? ""}`} aria-hidden="true">
      <span style={{ width: `${Math.max(0, Math.min(1, ratio ?? 0)) * 100}%` }} />
    </span>
  );
}

export function Choice({ label, options, value, onChoose }) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([name, text]) => (
        <button type="button" aria-pressed={name === value} onClick={() => onChoose(name)}>
          {text}
        </button>
      ))}
    </div>
  );
}

// The first of a long list, and a button for more of it.
export function useMore(step) {
  const [shown, setShown] = useState(step);
  const more = (total) =>
    total > shown && (
      <button type="button" class="more" onClick={() => setShown(shown + step)}>
        Show {Math.min(step, total - shown)} more of {total}
      </button>
    );
  return [shown, more];
}

export function LeftOut({ children }) {
  return (
    <p class="left-out">
      <span aria-hidden="true">✂ </span>
      {children}
    </p>
  );
}
