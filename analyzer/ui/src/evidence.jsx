// Two keys of one input, side by side, and where they differ: marked by brackets, underline and colour.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Offsets count bytes of UTF-8. Where one is unknown, or the text was shortened, the text is searched instead.
function place(bytes, text, offset) {
  const wanted = encoder.encode(text);
  const at = (start) => wanted.every((byte, index) => bytes[start + index] === byte);
  if (wanted.length === 0) return offset === null ? null : [offset, offset];
  if (offset !== null && at(offset)) return [offset, offset + wanted.length];
  for (let start = 0; start + wanted.length <= bytes.length; start++) if (at(start)) return [start, start + wanted.length];
  return null;
}

// The text in pieces: { text, mark } in order.
export function pieces(text, differs, side) {
  const bytes = encoder.encode(text);
  const marks = differs
    .map((difference) => ({ span: place(bytes, difference[side] ?? "", difference[`${side}_offset`]), name: difference.class }))
    .filter(({ span }) => span && span[1] <= bytes.length)
    .sort((a, b) => a.span[0] - b.span[0]);
  const all = [];
  let end = 0;
  for (const { span, name } of marks) {
    if (span[0] < end) continue;
    if (span[0] > end) all.push({ text: decoder.decode(bytes.subarray(end, span[0])) });
    all.push({ text: decoder.decode(bytes.subarray(span[0], span[1])), mark: name });
    end = span[1];
  }
  if (end < bytes.length) all.push({ text: decoder.decode(bytes.subarray(end)) });
  return all;
}

function Marked({ text, differs, side }) {
  return (
    <code class="key">
      {pieces(text, differs, side).map((piece) =>
        piece.mark ? (
          <mark title={piece.mark}>
            <span class="bracket">[</span>
            {piece.text}
            <span class="bracket">]</span>
          </mark>
        ) : (
          piece.text
        ),
      )}
    </code>
  );
}

const kinds = {
  "digest-input": "The service digested these two inputs into the two keys",
  "key-text": "The keys themselves are the same but for what is marked",
  "equal-value": "Both keys were written with the same value",
};

function Row({ name, text, differs, side }) {
  if (text === null || text === undefined) return null;
  return (
    <div class="pair-row">
      <span class="pair-name">{name}</span>
      <Marked text={text} differs={differs} side={side} />
    </div>
  );
}

export function Evidence({ of }) {
  // What differs stands in the inputs where they are known, else in the keys.
  const inputs = of.kind === "digest-input" && of.input_a !== null;
  const differs = of.differs;
  return (
    <figure class="pair">
      <figcaption>
        {kinds[of.kind] ?? of.kind} <span class="dim">(confidence {of.confidence_ratio.toFixed(2)})</span>
        {differs.length > 0 && <>. Differs: {[...new Set(differs.map((difference) => difference.class))].join(", ")}</>}.
      </figcaption>
      <Row name="key A" text={of.key_a} differs={inputs ? [] : differs} side="a" />
      <Row name="key B" text={of.key_b} differs={inputs ? [] : differs} side="b" />
      <Row name="input A" text={of.input_a} differs={inputs ? differs : []} side="a" />
      <Row name="input B" text={of.input_b} differs={inputs ? differs : []} side="b" />
    </figure>
  );
}
