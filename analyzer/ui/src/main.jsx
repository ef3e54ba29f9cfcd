// The page: which of the two documents it holds, and its sections in their order.
import { render } from "preact";
import { Captures, Notes } from "./captures.jsx";
import { Comparison } from "./compare.jsx";
import { program, read } from "./data.js";
import { Findings } from "./findings.jsx";
import { Flames } from "./flames.jsx";
import { Leaks } from "./leaks.jsx";
import { Cost, Curve, Misses } from "./misses.jsx";
import { Templates } from "./templates.jsx";
import { ThemeButton } from "./theme.jsx";
import { Timeline } from "./timeline.jsx";
import { Verdict } from "./verdict.jsx";

function names(captures) {
  const all = [...new Set(captures.map(program))];
  return all.length > 3 ? `${all.slice(0, 3).join(", ")} and ${all.length - 3} more` : all.join(", ");
}

function Frame({ title, subject, links, children, version }) {
  document.title = `${subject}: ${title}`;
  return (
    <>
      <a class="skip" href="#content">
        To the content
      </a>
      <header class="top">
        <h1>
          <span class="brand">leakey</span> {title} <span class="subject">{subject}</span>
        </h1>
        <ThemeButton />
        <nav aria-label="Sections">
          {links.map(([id, text]) => (
            <a href={`#${id}`}>{text}</a>
          ))}
        </nav>
      </header>
      <main id="content" tabindex="-1">
        {children}
      </main>
      <footer>
        Made by leakey {version}. The page loads nothing and sends nothing. What each word means: man leakey-report.
      </footer>
    </>
  );
}

function Report({ page }) {
  const { report } = page;
  const cache = report.cache.reads !== null && (report.cache.reads > 0 || report.cache.writes > 0);
  const heap = report.heap.live_bytes !== null;
  const links = [
    ["verdict", "Verdict"],
    report.findings.length > 0 && ["findings", "Findings"],
    ["timeline", "Timeline"],
    heap && ["flames", "Memory by site"],
    report.leaks.length > 0 && ["leaks", "Leaks"],
    cache && ["templates", "Templates"],
    cache && ["misses", "Misses"],
    cache && report.cache.miss_ratio_curve?.length > 1 && ["curve", "Cache size"],
    ["cost", "Cost"],
    ["captures", "Captures"],
  ].filter(Boolean);
  const shown = new Set(links.map(([id]) => id));
  return (
    <Frame title="report" subject={names(report.captures)} links={links} version={page.leakey_version}>
      <Verdict page={page} />
      <Notes page={page} />
      {shown.has("findings") && <Findings page={page} />}
      <Timeline report={report} />
      {heap && <Flames page={page} />}
      {shown.has("leaks") && <Leaks page={page} />}
      {cache && <Templates page={page} />}
      {cache && <Misses report={report} />}
      {shown.has("curve") && <Curve report={report} />}
      <Cost report={report} />
      <Captures page={page} />
    </Frame>
  );
}

function Compare({ page }) {
  const links = [
    ["verdict", "Verdict"],
    ["metrics", "Metrics"],
    ["changes", "Findings"],
    ["sides", "Timelines"],
    ["templates", "Templates"],
    ["captures", "Captures"],
  ];
  const subjects = [...new Set([names(page.before.report.captures), names(page.after.report.captures)])];
  return (
    <Frame title="comparison" subject={subjects.join(" → ")} links={links} version={page.leakey_version}>
      <Comparison page={page} />
    </Frame>
  );
}

const page = read();
render(page.comparison ? <Compare page={page} /> : <Report page={page} />, document.getElementById("page"));
