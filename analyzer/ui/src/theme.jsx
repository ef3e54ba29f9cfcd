// Dark, light, or as the system has it.
import { useEffect, useLayoutEffect, useState } from "preact/hooks";

const themes = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" };

// Files have no storage in some browsers.
function remembered() {
  try {
    return localStorage.getItem("leakey-theme");
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem("leakey-theme", theme);
  } catch {
    // Then it holds for this visit.
  }
}

// Charts are painted, so they ask for colours, and again when the theme changes.
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// How often the theme has changed: what is painted by it depends on this.
export function useThemeCount() {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const changed = () => setCount((old) => old + 1);
    addEventListener("leakey-theme", changed);
    return () => removeEventListener("leakey-theme", changed);
  }, []);
  return count;
}

// The style knows of light and dark alone.
function useTheme(theme) {
  useLayoutEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
      dispatchEvent(new Event("leakey-theme"));
    };
    apply();
    dark.addEventListener("change", apply);
    return () => dark.removeEventListener("change", apply);
  }, [theme]);
}

export function ThemeButton() {
  const [theme, setTheme] = useState(() => (themes[remembered()] ? remembered() : "auto"));
  useTheme(theme);
  const names = Object.keys(themes);
  const next = names[(names.indexOf(theme) + 1) % names.length];
  const choose = () => {
    setTheme(next);
    remember(next);
  };
  return (
    <button type="button" class="theme" onClick={choose} aria-label={`Theme: ${theme}. Change to ${next}`}>
      {themes[theme]}
    </button>
  );
}
