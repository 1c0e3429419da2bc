// Opens pages in a real browser, as people with small and large screens, in light and dark, see them, and looks for what
// no page may have.
//
//   node browse_pages.mjs MODULES SERVER_URL SCREENSHOTS [empty]
//
// MODULES is the folder with playwright-core and axe-core; `empty` says that nothing is deployed yet, and only the first
// page is looked at. Each page is opened at three widths in light and dark: no error on the console (a breach of the
// content security policy is one), no request to elsewhere, nothing wider than the screen or its place but code that can
// be scrolled, no finding of axe, no script of a POM at work. Then what people do: search, walk with the keyboard, open
// a tool's snippet. Prints what is wrong, a line each, and ends with 1 if anything is.

import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [modules, server, screenshots, state] = process.argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const EMPTY = [{ name: 'empty', path: '/' }];
const PAGES = [
    { name: 'home', path: '/' },
    { name: 'results', path: '/search?q=greeting' },
    { name: 'many', path: '/search?q=many' },
    { name: 'hostile', path: '/search?q=markup' },
    { name: 'nothing', path: '/search?q=zzqqy' },
    { name: 'unasked', path: '/search' },
    { name: 'wrong', path: '/search?q=at:yesterday', status: 400 },
    { name: 'absent', path: '/nowhere', status: 404 },
    { name: 'absent-file', path: '/repo/org/example/absent.jar', status: 404 },
    { name: 'folders', path: '/repo/org/example/' },
    { name: 'files', path: '/repo/org/example/a-name-that-is-as-long-as-names-of-artifacts-get-when-nobody-stops-those-who-give-them/1.0.0/' },
    { name: 'sign-in', path: '/login' },
    { name: 'signed-out', path: '/logout' },
];
const WIDTHS = [360, 768, 1280];
const SCHEMES = ['light', 'dark'];
const HEIGHT = 800;

const wrong = [];

/** A page of the browser that notes everything that it should not do. */
async function open(browser, path, { status = 200, width = 1280, scheme = 'light', where = path } = {}) {
    const context = await browser.newContext({ viewport: { width, height: HEIGHT }, colorScheme: scheme });
    const page = await context.newPage();
    const url = server + path;
    page.on('console', (message) => {
        // The browser itself says of a page that it was answered with an error.
        const expected = status !== 200 && message.location().url === url && message.text().includes(`${status}`);
        if (message.type() === 'error' && !expected) wrong.push(`${where}: console: ${message.text()}`);
    });
    page.on('pageerror', (error) => wrong.push(`${where}: script: ${error}`));
    page.on('dialog', async (dialog) => {
        wrong.push(`${where}: a script of somebody ran: ${dialog.message()}`);
        await dialog.dismiss();
    });
    page.on('request', (request) => {
        const elsewhere = !request.url().startsWith(`${server}/`) && !request.url().startsWith('data:');
        if (elsewhere) wrong.push(`${where}: a request to ${request.url()}`);
    });
    const answer = await page.goto(url);
    if (answer.status() !== status) wrong.push(`${where}: answered with ${answer.status()}, not ${status}`);
    return page;
}

/** What a look finds. */
async function look(page, where) {
    const seen = await page.evaluate(() => ({
        over: document.documentElement.scrollWidth - window.innerWidth,
        cut: [...document.querySelectorAll('main *')]
            .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1 && each.tagName !== 'INPUT')
            .filter((each) => getComputedStyle(each).display !== 'inline' && !each.closest('pre[tabindex="0"]'))
            .map((each) => each.outerHTML.slice(0, 80)),
        scripts: document.scripts.length,
        headings: document.querySelectorAll('h1').length,
        title: document.title,
    }));
    if (seen.over > 0) wrong.push(`${where}: ${seen.over} pixels wider than the screen`);
    for (const each of seen.cut) wrong.push(`${where}: wider than its place: ${each}`);
    if (seen.scripts > 0) wrong.push(`${where}: ${seen.scripts} scripts`);
    if (seen.headings !== 1) wrong.push(`${where}: ${seen.headings} first headings`);
    if (!seen.title.includes('logjar')) wrong.push(`${where}: its title is ${seen.title}`);
    // Not by a script element, which the page's policy forbids.
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => (await window.axe.run()).violations);
    for (const { id, help, nodes } of found) wrong.push(`${where}: axe ${id}: ${help}: ${nodes[0].html}`);
}

/** Walks with the tab key: whatever has the focus is on the screen and shows it. */
async function walk(page, where) {
    const reached = [];
    for (let step = 0; step < 12; step++) {
        await page.keyboard.press('Tab');
        const focus = await page.evaluate(() => {
            const element = document.activeElement;
            if (!element || element === document.body) return null;
            const { outlineStyle, outlineWidth } = getComputedStyle(element);
            const { top, bottom, left, right } = element.getBoundingClientRect();
            const shown = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
            const onScreen = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
            return { text: (element.textContent || element.id).trim(), shown, onScreen };
        });
        if (!focus) break;
        reached.push(focus.text);
        if (!focus.shown) wrong.push(`${where}: nothing shows that \`${focus.text}\` has the focus`);
        if (!focus.onScreen) wrong.push(`${where}: \`${focus.text}\` has the focus off the screen`);
    }
    return reached;
}

function expect(what, expected, found) {
    if (expected !== found) wrong.push(`${what}: \`${found}\`, not \`${expected}\``);
}

async function lookAtAll(browser, pages) {
    mkdirSync(screenshots, { recursive: true });
    for (const { name, path, status } of pages) {
        for (const width of WIDTHS) {
            for (const scheme of SCHEMES) {
                const where = `${name} at ${width} in ${scheme}`;
                const page = await open(browser, path, { status, width, scheme, where });
                await look(page, where);
                await page.screenshot({ path: join(screenshots, `${name}-${width}-${scheme}.png`), fullPage: true });
                await page.context().close();
            }
        }
    }
}

async function searchAsPeopleDo(browser) {
    const page = await open(browser, '/');
    // The box has the focus, on a busy machine a moment after the page is there: one types and presses Enter.
    await page.locator('input[name=q]:focus').waitFor();
    await page.keyboard.type('greeting');
    await Promise.all([page.waitForURL('**/search?**'), page.keyboard.press('Enter')]);
    expect('the address after a search', '/search?q=greeting', page.url().slice(server.length));
    expect('the heading', '1 artifact for greeting', await page.locator('h1').textContent());
    expect('the search box', 'greeting', await page.locator('input[name=q]').inputValue());
    await page.locator('.row a').click();
    expect('the folder', '/repo/org/example/greeting/', page.url().slice(server.length));
    await page.locator('a', { hasText: '1.0.0/' }).click();
    const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator('a', { hasText: /^greeting-1[.]0[.]0[.]jar$/ }).click(),
    ]);
    expect('the download', 'greeting-1.0.0.jar', download.suggestedFilename());
    expect('whether it failed', null, await download.failure());
    await page.context().close();

    const many = await open(browser, '/search?q=many');
    await many.locator('a[rel=next]').click();
    expect('the second page', '/search?q=many&page=2', many.url().slice(server.length));
    await many.locator('a[rel=prev]').click();
    expect('the first page again', '/search?q=many', many.url().slice(server.length));
    await many.context().close();
}

async function useTheKeyboard(browser) {
    const page = await open(browser, '/search?q=greeting');
    const reached = await walk(page, 'results');
    expect('the first stop', 'Skip to the content', reached[0]);
    expect('whether the result is reached', true, reached.includes('org.example/greeting'));
    await page.context().close();

    const home = await open(browser, '/', { width: 360 });
    const lein = home.locator('#use ~ details', { hasText: 'Leiningen' });
    const maven = home.locator('#use ~ details', { hasText: 'Maven' }).first();
    await lein.locator('summary').focus();
    await home.keyboard.press('Enter');
    expect('whether Leiningen is open', true, await lein.evaluate((each) => each.open));
    expect('whether Maven is closed', false, await maven.evaluate((each) => each.open));
    await look(home, 'home with Leiningen');
    await home.context().close();
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
    await lookAtAll(browser, state === 'empty' ? EMPTY : PAGES);
    if (state !== 'empty') {
        await searchAsPeopleDo(browser);
        await useTheKeyboard(browser);
    }
} finally {
    // Also before the error that ended a step early: it often follows from the first of these.
    for (const each of wrong) console.log(each);
    await browser.close();
}
process.exitCode = wrong.length > 0 ? 1 : 0;
