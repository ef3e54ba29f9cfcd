// The document that `leakey` put into the page: leakey.page/1, in which a stack is a list of indices into `frames`.

export function read() {
  return JSON.parse(document.getElementById("data").textContent);
}

const base = (path) => path.slice(path.lastIndexOf("/") + 1);
const hex = (offset) => `0x${offset.toString(16)}`;

// What a frame is called: its function, or where it stands in its module.
export function frameName(frame) {
  if (frame.function) return frame.function;
  if (frame.module) return `${base(frame.module)}+${hex(frame.offset ?? 0)}`;
  return hex(frame.offset ?? 0);
}

export function framePlace(frame) {
  const module = frame.module ? base(frame.module) : "";
  if (!frame.file) return module;
  const line = frame.line ? `${base(frame.file)}:${frame.line}` : base(frame.file);
  return module ? `${line}, ${module}` : line;
}

export function commandLine(capture) {
  const words = capture.process.command ?? [];
  if (words.length === 0) return capture.process.executable ? base(capture.process.executable) : "(unknown)";
  return [base(words[0]), ...words.slice(1)].join(" ");
}

export function program(capture) {
  const words = capture.process.command ?? [];
  return base(words[0] ?? capture.process.executable ?? "(unknown)");
}

// The frame to look at first: the innermost that has a source file, else the innermost.
export function firstFrame(frames, stack) {
  const named = (stack ?? []).map((index) => frames[index]);
  return named.find((frame) => frame.file) ?? named[0];
}

// As the command line's words: what is wrong first.
export const severities = {
  error: { icon: "✖", word: "error" },
  warning: { icon: "▲", word: "warning" },
  note: { icon: "●", word: "note" },
};

export const causes = {
  "first-seen": "never asked for before: no cache could have had it",
  "duplicate-input": "an entry for the same input was alive under another key",
  expired: "written before, and its TTL had passed",
  evicted: "written before, and gone though its TTL had not passed",
  deleted: "written before, and deleted by the service",
  concurrent: "another request had missed it already, and wrote it later",
  "not-stored": "missed before, and nobody wrote it",
};

export const plural = (count, one, many = `${one}s`) => (count === 1 ? one : many);
