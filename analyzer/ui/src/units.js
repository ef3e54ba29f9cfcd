// Numbers for people, exactly as the text report says them (analyzer/model/units.c). null is unknown.

// Ties go to the even digit, as printf does it; only multiples of these powers of two can be ties.
function fixed(value, decimals) {
  const tie = value * [2, 4, 8][decimals];
  const scaled = value * 10 ** decimals;
  if (Number.isInteger(tie) && Math.abs(scaled % 1) === 0.5) {
    const floor = Math.floor(scaled);
    return ((floor % 2 === 0 ? floor : floor + 1) / 10 ** decimals).toFixed(decimals);
  }
  return value.toFixed(decimals);
}

// Three digits that count: 1.25, 88.2, 512.
function digits(value) {
  const size = Math.abs(value);
  const text = fixed(value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

const known = (value) => typeof value === "number" && Number.isFinite(value);

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  if (!known(value)) return "unknown";
  for (; Math.abs(value) >= 1023.5 && unit + 1 < units.length; unit++) value /= 1024;
  return `${digits(value)} ${units[unit]}`;
}

export function count(value) {
  if (!known(value) || Math.abs(value) > 1e18) return "unknown";
  if (Math.abs(value) < 99.95 && !Number.isInteger(value)) return digits(value);
  return fixed(value, 0).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function seconds(value) {
  if (!known(value)) return "unknown";
  const size = Math.abs(value);
  if (value === 0) return "0 s";
  if (size < 999.5e-9) return `${digits(value * 1e9)} ns`;
  if (size < 999.5e-6) return `${digits(value * 1e6)} us`;
  if (size < 0.9995) return `${digits(value * 1e3)} ms`;
  if (size < 119.5) return `${digits(value)} s`;
  if (size < 7200) {
    const whole = Math.round(value);
    return `${Math.trunc(whole / 60)} min ${Math.abs(whole) % 60} s`;
  }
  const minutes = Math.round(value / 60);
  return `${Math.trunc(minutes / 60)} h ${Math.abs(minutes) % 60} min`;
}

export function percent(value) {
  return known(value) ? `${digits(value * 100)} %` : "unknown";
}

// 0.93; "<0.01" and ">0.99" for what is not quite 0 and not quite 1.
export function ratio(value) {
  if (!known(value)) return "unknown";
  if (value > 0 && value < 0.005) return "<0.01";
  if (value < 1 && value >= 0.995) return ">0.99";
  return fixed(value, 2);
}

export const per = (format, what) => (value) => (known(value) ? `${format(value)}${what}` : "unknown");

// A field's name carries its unit.
const endings = [
  ["_bytes_per_second", per(bytes, "/s")],
  ["_bytes_per_command", bytes],
  ["_bytes_per_read", bytes],
  ["_seconds_per_read", seconds],
  ["_bytes", bytes],
  ["_seconds", seconds],
  ["_ratio", ratio],
];

export function byName(name, value) {
  const ending = endings.find(([text]) => name.endsWith(text));
  return (ending ? ending[1] : count)(value);
}

export function label(name) {
  const words = name.replace(/_(bytes|seconds|count)$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

// "110 MiB to 130 MiB"; nothing when the interval is unknown or a point.
export function interval(limits, format) {
  if (!limits || !known(limits[0]) || !known(limits[1]) || limits[0] === limits[1]) return "";
  const [low, high] = limits.map(format);
  return low === high ? "" : `${low} to ${high}`;
}
