// Bundles the page into one file: node build.js OUTPUT. `leakey` puts the report's JSON where DATA stands.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import esbuild from "esbuild";

const options = {
  bundle: true,
  minify: true,
  write: false,
  charset: "utf8",
  legalComments: "none", // the licences stand in the page, whole
  target: ["chrome100", "firefox100", "safari15.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
};

async function bundle(entry) {
  const { outputFiles } = await esbuild.build({ ...options, entryPoints: [entry] });
  // What would end the element that holds it must not stand in it.
  return outputFiles[0].text.replace(/<\/(script|style)/gi, "<\\/$1");
}

// Browsers run and apply what has these hashes, and nothing else.
function hash(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

// Of what is bundled, as its licences ask for.
async function licences() {
  const { dependencies } = JSON.parse(await readFile("package.json", "utf8"));
  const texts = Object.entries(dependencies).map(async ([name, version]) => {
    const text = await readFile(`node_modules/${name}/LICENSE`, "utf8");
    return `${name} ${version}\n\n${text.trim()}`;
  });
  return (await Promise.all(texts)).join("\n\n").replaceAll("--", "- -");
}

const [script, style, page] = await Promise.all([
  bundle("src/main.jsx"),
  bundle("src/style.css"),
  readFile("src/page.html", "utf8"),
]);
const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; img-src data:; base-uri 'none'; form-action 'none'`;
const parts = { LICENCES: await licences(), POLICY: policy, STYLE: style, SCRIPT: script };
await writeFile(process.argv[2], page.replace(/@(LICENCES|POLICY|STYLE|SCRIPT)@/g, (_, name) => parts[name]));
