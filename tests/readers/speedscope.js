// Opens a file in speedscope itself, in a browser, and saves what its importer made of it: speedscope's own export, and
// the words of the page. Usage: NODE_PATH=... node speedscope.js FILE SAVED TEXT [SCREENSHOT]
'use strict';
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const { chromium } = require('playwright-core');

const PAGE = path.join(path.dirname(require.resolve('speedscope/package.json')), 'dist/release/index.html');

async function show(browser, [file, saved, text, screenshot]) {
    const page = await browser.newPage({ acceptDownloads: true });
    const wrong = [];
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('dialog', (dialog) => {
        wrong.push(dialog.message());
        dialog.dismiss();
    });
    await page.goto(pathToFileURL(PAGE).href);
    await page.setInputFiles('input[type=file]', file);
    await page.getByText('Sandwich').waitFor();
    if (screenshot) {
        await page.keyboard.press('2');
        await page.waitForTimeout(500);
        await page.screenshot({ path: screenshot });
    }
    await page.keyboard.press('3');
    await page.getByText(/[0-9]%/).first().waitFor(); // the first row
    fs.writeFileSync(text, await page.evaluate(() => document.body.innerText));
    const download = page.waitForEvent('download');
    await page.keyboard.press('Control+s');
    await (await download).saveAs(saved);
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

async function main() {
    const browser = await chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
    });
    try {
        await show(browser, process.argv.slice(2));
    } finally {
        await browser.close();
    }
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
