// Reads the page of `leakey report --format html` as people do, in a browser. Each check is a function of the page and
// of further arguments; whatever the check, the page must load nothing but itself and complain of nothing.
// Usage: NODE_PATH=... node page.js serve ADDRESS-FILE                         the browser, until SIGTERM
//        NODE_PATH=... node page.js check ADDRESS-FILE CHECK PAGE [ARGUMENT]...
'use strict';
const assert = require('assert/strict');
const fs = require('fs');
const { pathToFileURL } = require('url');
const { chromium } = require('playwright-core');

const number = (text) => Number(text.replaceAll(',', ''));
const json = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const texts = (page, selector) => page.locator(selector).allInnerTexts();
const figure = (page, name) => page.locator(`[data-figure="${name}"]`).first().innerText();
const document_ = (page) => page.evaluate(() => JSON.parse(document.getElementById('data').textContent));
const templates = (page) => texts(page, '#templates tbody tr:not(.details-row) .expand code');
const column = async (page, name) => (await texts(page, `#templates tbody td[data-name="${name}"]`)).map(number);

// What the page shows is what the JSON report says; numbers with units are as in the text report.
async function numbers(page, reportFile, textFile) {
    const report = json(reportFile);
    const text = fs.readFileSync(textFile, 'utf8');
    const { cache, heap } = report;
    assert.equal(number(await figure(page, 'misses')), cache.misses);
    assert.equal(number(await figure(page, 'distinct_keys')), cache.distinct_keys);
    assert.equal(Number(await figure(page, 'hit_ratio')), Number(cache.hit_ratio.toFixed(2)));
    for (const [cause, count] of Object.entries(cache.miss_causes))
        if (count > 0) assert.equal(number(await figure(page, `cause_${cause}`)), count);
    for (const name of ['live_bytes', 'peak_live_bytes', 'leaked_bytes', 'wasted_recompute_seconds'])
        assert.ok(text.includes(await figure(page, name)), `${name}: ${await figure(page, name)} is not in the text report`);
    const held = (await document_(page)).report;
    for (const part of ['findings', 'leaks', 'captures']) assert.equal(held[part].length, report[part].length);
    assert.deepEqual(held.windows, report.windows);
    assert.deepEqual(held.heap.timeline, heap.timeline);
    assert.deepEqual(held.cache.templates.map((t) => [t.template, t.reads, t.misses]), cache.templates.map((t) => [t.template, t.reads, t.misses]));
    const messages = (await texts(page, '.verdicts a')).map((message) => message.replace(/\.$/, ''));
    assert.deepEqual(messages, report.findings.map((finding) => finding.message.replace(/\.$/, '')).slice(0, 12));
}

async function sort(page) {
    const header = page.locator('#templates thead button', { hasText: 'Reads' });
    const ordered = (values, way) => values.every((value, i) => i === 0 || way * (value - values[i - 1]) >= 0);
    await header.click();
    assert.ok((await column(page, 'Reads')).length > 10);
    assert.ok(ordered(await column(page, 'Reads'), -1));
    assert.equal(await page.locator('#templates th[aria-sort]').getAttribute('aria-sort'), 'descending');
    await header.press('Enter');
    assert.ok(ordered(await column(page, 'Reads'), 1));
    assert.equal(await page.locator('#templates th[aria-sort]').getAttribute('aria-sort'), 'ascending');
    await page.locator('#templates thead button', { hasText: 'Template' }).click();
    const names = await templates(page);
    assert.deepEqual(names, [...names].sort((a, b) => a.localeCompare(b)));
}

async function filter(page, part) {
    const all = (await document_(page)).report.cache.templates.filter((t) => t.template.includes(part));
    const field = page.getByPlaceholder('part of a template');
    await field.fill(part);
    assert.ok(all.length > 0);
    assert.deepEqual((await templates(page)).sort(), all.map((t) => t.template).slice(0, 50).sort());
    assert.ok((await page.locator('#template-count').innerText()).startsWith(`${all.length} of `));
    await field.fill('there is no such template');
    assert.ok(await page.getByText('No template matches').isVisible());
    await field.fill('');
    const cause = await page.locator('#templates select option').nth(1).innerText();
    await page.locator('#templates select').selectOption(cause);
    await page.locator('.expand').first().press('Enter');
    assert.equal(await page.locator('.expand').first().getAttribute('aria-expanded'), 'true');
    const shares = (await texts(page, '.details-row .causes tbody td:nth-child(2)')).map(number);
    assert.equal(shares.reduce((sum, share) => sum + share, 0), (await column(page, 'Misses'))[0]);
    const first = await page.locator('.details-row .causes tbody th').first().innerText();
    assert.ok(first.startsWith(cause), `${first} is not ${cause}`);
}

// Both charts have one time axis, and say what stands where the pointer or the keys are.
async function timeline(page) {
    const { heap, windows } = (await document_(page)).report;
    const memory = page.locator('#memory-chart');
    const cache = page.locator('#cache-chart');
    const over = cache.locator('.u-over');
    await over.scrollIntoViewIfNeeded();
    const [above, below] = [await memory.locator('.u-over').boundingBox(), await over.boundingBox()];
    assert.deepEqual([above.x, above.width], [below.x, below.width]);
    await over.hover({ position: { x: below.width / 2, y: below.height / 2 } });
    const said = await cache.locator('.readout').innerText();
    const [, hits, misses, writes] = /: ([\d,]+) hits, ([\d,]+) misses, ([\d,]+) writes/.exec(said);
    const middle = windows[Math.floor(windows.length / 2) - 1];
    const near = windows.slice(Math.floor(windows.length / 2) - 2, Math.floor(windows.length / 2) + 2);
    assert.ok(near.some((w) => w.hits === number(hits) && w.misses === number(misses) && w.writes === number(writes)), `${said} is not near ${JSON.stringify(middle)}`);
    assert.match(await memory.locator('.readout').innerText(), /^At .* live, at most .* allocated so far$/);
    await page.mouse.move(0, 0);
    await memory.locator('.plot').focus();
    await page.keyboard.press('End');
    const last = await memory.locator('.readout').innerText();
    await page.keyboard.press('Home');
    assert.notEqual(await memory.locator('.readout').innerText(), last);
    assert.ok(heap.timeline.length > 1);
    const inked = await memory.locator('canvas').evaluate((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value, i) => i % 4 === 3 && value > 0);
    });
    assert.ok(inked, 'nothing is painted');
}

async function flame(page) {
    const { heap } = (await document_(page)).report;
    await page.getByRole('button', { name: 'Allocated', exact: true }).click();
    const total = await page.locator('[data-figure="flame_allocated"]').innerText();
    const root = page.locator('.flame').first();
    assert.ok((await root.getAttribute('aria-label')).startsWith(`all: ${total}, 100 %`));
    assert.ok(heap.sites.reduce((sum, site) => sum + site.allocated_bytes, 0) > 0);
    const widest = page.locator('.flame[aria-level="2"]').first();
    await widest.hover();
    assert.equal(await page.locator('#flame-readout').innerText(), await widest.getAttribute('aria-label'));
    // Down the tree by keys, into it, and out again.
    await root.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'Enter']) await page.keyboard.press(key);
    const focused = await page.evaluate(() => document.activeElement.getAttribute('aria-level'));
    assert.equal(focused, '3');
    assert.equal(await page.evaluate(() => document.activeElement.style.width), '100%');
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-level')), '1');
    await page.getByLabel('Find a function').fill('no such function');
    assert.ok((await page.locator('.found').innerText()).startsWith('0 places: 0 B'));
}

// Text has the contrast that WCAG 2.1 AA asks for, in both themes, and the button changes between them.
async function themes(page) {
    const contrast = () =>
        page.evaluate(() => {
            const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            const light = (colour) => {
                canvas.clearRect(0, 0, 1, 1);
                canvas.fillStyle = colour;
                canvas.fillRect(0, 0, 1, 1);
                const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const behind = (element) => {
                for (; element; element = element.parentElement) {
                    const colour = getComputedStyle(element).backgroundColor;
                    if (!/rgba\(.*, 0\)|transparent/.test(colour)) return colour;
                }
                return 'white';
            };
            const poor = [];
            for (const element of document.querySelectorAll('h1, h2, h3, p, a, td, th, small, code, dt, dd, button, summary, mark, .badge, .flame, .dim')) {
                if (!element.checkVisibility() || element.closest('.above')) continue;
                const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
                if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(`${element.tagName}.${element.className} ${((a + 0.05) / (b + 0.05)).toFixed(2)} ${element.textContent.slice(0, 30)}`);
            }
            return poor;
        });
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const seen = new Set();
    for (const scheme of ['light', 'dark']) {
        await themed(page, scheme);
        seen.add(await background());
        assert.deepEqual(await contrast(), [], scheme);
    }
    assert.equal(seen.size, 2);
    await page.locator('.theme').click(); // from auto, dark here, to light
    assert.equal(await background(), [...seen][0]);
    assert.deepEqual(await contrast(), []);
    await page.locator('.theme').press('Enter');
    assert.equal(await background(), [...seen][1]);
}

// The page hears of the scheme in its next frame.
async function themed(page, scheme) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.waitForFunction((theme) => document.documentElement.dataset.theme === theme, scheme);
}

async function phone(page) {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const summary of await page.locator('summary').all()) if (await summary.isVisible()) await summary.click();
    for (const button of (await page.locator('.expand').all()).slice(0, 5)) await button.click();
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.deepEqual(wide, [390, 390]);
}

// Every control can be reached by the Tab key, and is seen when it is.
async function keyboard(page) {
    const controls = await page.locator('a[href], button, input, select, summary, [tabindex="0"]').count();
    const reached = new Set();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    for (let i = 0; i < controls + 5; i++) {
        const [key, outline] = await page.evaluate(() => {
            const all = [...document.querySelectorAll('*')];
            return [all.indexOf(document.activeElement), getComputedStyle(document.activeElement).outlineStyle];
        });
        if (key <= 0 || (await page.evaluate(() => document.activeElement === document.body))) break;
        assert.notEqual(outline, 'none', `element ${key} has focus and does not show it`);
        reached.add(key);
        await page.keyboard.press('Tab');
    }
    const visible = (await Promise.all((await page.locator('a[href], button, input, select, summary, [tabindex="0"]').all()).map((control) => control.isVisible()))).filter(Boolean).length;
    assert.ok(reached.size >= visible, `${reached.size} of ${visible} controls are reached`);
    const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, select, a[href], [role=img]')].filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.closest('label'))).length);
    assert.equal(nameless, 0);
}

// A key that holds markup is shown as it is.
async function hostile(page, markup) {
    await page.getByPlaceholder('part of a template').fill('</');
    assert.equal((await templates(page)).length, 1);
    assert.equal(await page.locator('img').count(), 0);
    assert.notEqual(await page.title(), 'owned');
    await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
    const keys = (await texts(page, '.key')).map((key) => key.replaceAll(/[[\]]/g, ''));
    assert.ok(keys.some((key) => key.startsWith(markup)), 'no evidence holds the key');
    assert.ok((await page.locator('.key mark').count()) > 0);
}

async function compare(page, comparisonFile, textFile) {
    const comparison = json(comparisonFile);
    const text = fs.readFileSync(textFile, 'utf8').replaceAll(/\s+/g, ' ');
    for (const metric of comparison.metrics) {
        if (metric.before === null || metric.after === null) continue;
        const cells = await page.locator(`[data-metric="${metric.name}"] td:not(.bars)`).allInnerTexts();
        const [before, after, change, limits, verdict] = cells;
        assert.ok(verdict.endsWith(metric.verdict), `${metric.name}: ${verdict}`);
        assert.ok(text.includes(`${metric.label} ${before} ${after} ${change} ${limits}`), `${metric.name}: ${cells}`);
    }
    assert.ok((await page.locator('.headline').innerText()).includes(comparison.verdict));
    for (const [index, name] of ['fixed', 'new', 'remaining'].entries())
        assert.ok((await texts(page, '.items h3'))[index].endsWith(`(${comparison[name].length})`));
    assert.equal(await page.locator('.u-over').count(), 4);
    const held = await document_(page);
    assert.deepEqual(held.comparison, comparison);
}

async function leftOut(page, reportFile) {
    const { cache } = json(reportFile);
    const { report, left_out } = await document_(page);
    assert.ok(left_out.templates.count > 0);
    assert.equal(report.cache.templates.length + left_out.templates.count, cache.templates.length);
    const sum = (name) => report.cache.templates.reduce((all, template) => all + template[name], 0);
    for (const name of ['reads', 'misses', 'writes']) assert.equal(sum(name) + left_out.templates[name], cache[name]);
    assert.ok((await page.locator('#templates .left-out').innerText()).includes(`${left_out.templates.count.toLocaleString('en')} templates`));
    await page.locator('#templates .more').click();
    assert.equal((await templates(page)).length, 100);
}

async function screenshot(page, file, width = '1280', scheme = 'light') {
    await page.setViewportSize({ width: Number(width), height: 900 });
    await themed(page, scheme);
    await page.waitForTimeout(300);
    await page.screenshot({ path: file, fullPage: true });
}

const checks = { numbers, sort, filter, timeline, flame, themes, phone, keyboard, hostile, compare, leftOut, screenshot };

// One browser for all checks; its address goes into a file.
async function serve(addressFile) {
    const args = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
    const server = await chromium.launchServer({ executablePath: '/usr/bin/chromium', headless: true, host: '127.0.0.1', args: args.split(' ') });
    fs.writeFileSync(`${addressFile}.new`, server.wsEndpoint());
    fs.renameSync(`${addressFile}.new`, addressFile);
    process.on('SIGTERM', async () => {
        await server.close();
        process.exit(0);
    });
}

async function check([addressFile, name, file, ...rest]) {
    const browser = await chromium.connect(fs.readFileSync(addressFile, 'utf8'));
    try {
        const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
        const page = await context.newPage();
        const wrong = [];
        const address = pathToFileURL(file).href;
        page.on('console', (message) => wrong.push(message.text()));
        page.on('pageerror', (error) => wrong.push(String(error)));
        page.on('dialog', (dialog) => wrong.push(dialog.message()));
        page.on('request', (request) => request.url() === address || request.url() === 'data:,' || wrong.push(`asks for ${request.url()}`));
        await page.goto(address);
        await page.locator('#verdict').waitFor();
        await checks[name](page, ...rest);
        assert.deepEqual(wrong, []);
    } finally {
        await browser.close();
    }
}

async function main([what, ...rest]) {
    await (what === 'serve' ? serve(...rest) : check(rest));
}

main(process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exit(1);
});
