// A journey through the example shop: search, fill the cart, order; then with an origin broken.
// node shop.mjs URL CHROMIUM BREAK-COMMAND...
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";

const [url, executablePath, ...breakCommand] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const context = await browser.newContext({ ignoreHTTPSErrors: true });
const page = await context.newPage();
page.setDefaultTimeout(30000);

const wrong = [];
page.on("pageerror", (error) => wrong.push(`page: ${error.message}`));
page.on("response", (response) => {
  if (response.status() >= 500) wrong.push(`${response.status()} ${response.url()}`);
});

async function expectText(locator, pattern) {
  const deadline = Date.now() + 20000;
  for (;;) {
    const text = await locator.innerText();
    if (pattern.test(text)) return text;
    if (Date.now() > deadline) throw new Error(`expected ${pattern}, the page says "${text}"`);
    await page.waitForTimeout(50);
  }
}

// Not waitForFunction(): the page's own policy may forbid what it evaluates.
async function expectNone(locator) {
  const deadline = Date.now() + 20000;
  while ((await locator.count()) > 0) {
    if (Date.now() > deadline) throw new Error(`expected none, there are ${await locator.count()}`);
    await page.waitForTimeout(50);
  }
}

async function buyOne() {
  await page.locator("#products li").first().waitFor();
  const add = page.locator("#products button").first();
  await add.click();
  await expectText(page.locator("#cart"), /1 ×/);
  await add.click();
  await expectText(page.locator("#cart"), /2 ×/);
  await page.locator("#order").click();
  return expectText(page.locator("#said"), /Order \S+ is placed/);
}

await page.goto(url);
console.log(`title ${await page.title()}`);
await page.locator("#products li").first().waitFor();
const name = await page.locator("#products strong").first().innerText();
await page.locator("#search").fill(name);
await expectText(page.locator("#products"), new RegExp(name));
await page.locator("#search").fill("no such thing at all");
await expectNone(page.locator("#products li"));
await page.locator("#search").fill("");

// The answer to an older search that comes last is not what is shown.
let release;
const released = new Promise((resolve) => (release = resolve));
await page.route(/q=slow$/, async (route) => {
  await released;
  await route.fulfill({
    headers: { "X-Instance": "late" },
    json: [{ id: "late", name: "Late", text: "", cents: 1, stock: 1 }],
  });
});
await page.locator("#search").fill("slow");
const newer = page.waitForResponse((response) => response.url().endsWith(encodeURIComponent(name)));
await page.locator("#search").fill(name);
await (await newer).finished();
release();
await expectText(page.locator("#edge"), /from late/);
await page.evaluate(() => fetch("/api/cart").then((response) => response.text()));
await expectText(page.locator("#products"), new RegExp(`^(?!.*Late)[^]*${name}`));
await page.locator("#search").fill("");
console.log(await buyOne());

// One instance of the catalogue dies: the visitor notices nothing.
if (breakCommand.length > 0) {
  execFileSync(breakCommand[0], breakCommand.slice(1), { stdio: "inherit" });
  await page.reload();
  console.log(`after the breakage: ${await buyOne()}`);
}
await browser.close();
if (wrong.length > 0) throw new Error(wrong.join("\n"));
console.log("journey done, nothing went wrong");
