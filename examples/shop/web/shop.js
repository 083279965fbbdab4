"use strict";

const at = (id) => document.getElementById(id);
const euros = (cents) => (cents / 100).toFixed(2) + " €";

function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function picture(id) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `pictures.svg#${id}`);
  svg.setAttribute("class", "picture");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

async function call(path, options = {}) {
  const began = performance.now();
  const response = await fetch(path, options);
  const took = Math.round(performance.now() - began);
  const from = response.headers.get("X-Instance") || "the edge";
  at("edge").textContent = `${response.status} from ${from} in ${took} ms`;
  at("edge").classList.toggle("bad", !response.ok);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error || `the shop answered ${response.status}`);
  return body;
}

function say(text, bad = false) {
  at("said").textContent = text;
  at("said").classList.toggle("bad", bad);
}

const attempt = (work) => work().catch((error) => say(error.message, true));

let cart = { items: [], cents: 0 };

function showCart(next) {
  cart = next;
  at("cart").replaceChildren(...cart.items.map((item) => {
    const line = make("li", "");
    const remove = make("button", "", "×");
    remove.setAttribute("aria-label", `Remove ${item.name}`);
    remove.onclick = () => attempt(() => put(item.id, 0));
    line.append(make("span", "", `${item.quantity} × ${item.name}`), remove);
    return line;
  }));
  at("total").textContent = euros(cart.cents);
  at("order").disabled = cart.items.length === 0;
}

async function put(id, quantity) {
  showCart(await call(`/api/cart/${id}`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ quantity }),
  }));
  say("");
}

const inCart = (id) => cart.items.find((item) => item.id === id)?.quantity || 0;

function showProduct(product) {
  const card = make("li", "");
  const price = make("div", "row");
  const buy = make("div", "row");
  const stock = make("span", "stock", `${product.stock} left`);
  const add = make("button", "", "Add");
  stock.dataset.product = product.id;
  add.setAttribute("aria-label", `Add ${product.name}`);
  add.onclick = () => attempt(() => put(product.id, inCart(product.id) + 1));
  price.append(make("strong", "", product.name), make("span", "price", euros(product.cents)));
  buy.append(stock, add);
  card.append(picture(product.id), price, make("p", "", product.text), buy);
  return card;
}

let searches = 0;

async function search() {
  const mine = ++searches;
  const words = encodeURIComponent(at("search").value);
  const found = await call(`/api/catalogue/products?q=${words}`);
  if (mine === searches) // an older answer may come later than a newer one
    at("products").replaceChildren(...found.map(showProduct));
}

// The same key for the same cart: pressing twice, or a retry on the way, orders once.
let orderKey = crypto.randomUUID();

async function order() {
  const placed = await call("/api/checkout", {
    method: "POST",
    headers: { "Idempotency-Key": orderKey },
  });
  orderKey = crypto.randomUUID();
  say(`Order ${placed.id} is placed: ${euros(placed.cents)}. Thank you.`);
  showCart({ items: [], cents: 0 });
}

new EventSource("/api/catalogue/stock").onmessage = (event) => {
  const stock = JSON.parse(event.data);
  for (const label of document.querySelectorAll("[data-product]"))
    label.textContent = `${stock[label.dataset.product]} left`;
};

at("search").oninput = () => attempt(search);
at("order").onclick = () => attempt(order);
attempt(async () => {
  await search();
  showCart(await call("/api/cart"));
});
