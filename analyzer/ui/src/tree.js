// Stacks as a tree, outermost caller first, for flame graphs.
import { hierarchy, partition } from "d3-hierarchy";
import { frameName } from "./data.js";

// samples: { stack: [index], value }. Frames of one function in one module are one node.
export function grow(frames, samples) {
  const root = { name: "all", children: new Map(), own: 0 };
  for (const { stack, value } of samples) {
    let node = root;
    for (let depth = stack.length - 1; depth >= 0; depth--) {
      const frame = frames[stack[depth]];
      const key = `${frameName(frame)}\n${frame.module ?? ""}`;
      if (!node.children.has(key)) node.children.set(key, { name: frameName(frame), frame, children: new Map(), own: 0 });
      node = node.children.get(key);
    }
    node.own += value;
  }
  return root;
}

// A node has x0, x1 (0 to 1), depth and value; what is narrower than `narrowest` is not laid out.
export function layout(root) {
  const tree = hierarchy(root, (node) => [...node.children.values()])
    .sum((node) => node.own)
    .sort((a, b) => b.value - a.value);
  return partition()(tree);
}

export const childrenShown = (node, scale, narrowest) => (node.children ?? []).filter((child) => (child.x1 - child.x0) * scale >= narrowest);
