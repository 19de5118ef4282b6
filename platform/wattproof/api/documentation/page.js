"use strict";

// Builds a form for every operation of /openapi.json. Nothing is ever set as HTML.

const METHODS = ["get", "post", "put", "patch", "delete"];
const token = document.getElementById("token");

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function resolve(schema, document_) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.slice(2).split("/").reduce((at, key) => at[key], document_);
}

function example(schema, document_, depth = 0) {
  const found = resolve(schema, document_);
  if (depth > 8) return null;
  if (found.example !== undefined) return found.example;
  if (Array.isArray(found.examples) && found.examples.length) return found.examples[0];
  if (found.default !== undefined) return found.default;
  if (found.const !== undefined) return found.const;
  if (found.enum) return found.enum[0];
  for (const key of ["anyOf", "oneOf", "allOf"]) {
    if (found[key]) return example(found[key][0], document_, depth + 1);
  }
  if (found.type === "object" || found.properties) {
    return Object.fromEntries(
      Object.entries(found.properties || {})
        .filter(([name]) => (found.required || []).includes(name))
        .map(([name, inner]) => [name, example(inner, document_, depth + 1)]),
    );
  }
  if (found.type === "array") return [example(found.items, document_, depth + 1)];
  if (found.type === "integer" || found.type === "number") return found.minimum ?? 0;
  if (found.type === "boolean") return false;
  return found.type === "string" ? "" : null;
}

function field(parameter, document_) {
  const schema = resolve(parameter.schema, document_);
  const first = Array.isArray(schema.examples) ? schema.examples[0] : schema.default;
  const id = `field-${Math.random().toString(36).slice(2)}`;
  const input = element("input", { id, value: first ?? "", required: Boolean(parameter.required) });
  if (parameter.in === "header") input.value = "";
  const about = [parameter.in, parameter.description || schema.description].filter(Boolean);
  const row = element(
    "div",
    { className: "field" },
    element("label", { htmlFor: id, textContent: parameter.name }),
    input,
    element("small", { textContent: about.join(": ") }),
  );
  return { row, input, parameter };
}

function address(path, fields) {
  let url = path;
  const query = new URLSearchParams();
  for (const { input, parameter } of fields) {
    if (parameter.in === "path") {
      url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    } else if (parameter.in === "query" && input.value !== "") {
      query.set(parameter.name, input.value);
    }
  }
  return query.size ? `${url}?${query}` : url;
}

async function show(response, output) {
  const text = await response.text();
  let body = text;
  try {
    body = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON: shown as it is.
  }
  output.textContent = `${response.status} ${response.statusText}\n\n${body}`;
}

async function stream(response, output, stop) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  output.textContent = "";
  stop.hidden = false;
  stop.onclick = () => reader.cancel();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    output.textContent += value;
  }
  stop.hidden = true;
}

function operation(method, path, described, document_) {
  const fields = (described.parameters || []).map((parameter) => field(parameter, document_));
  const content = described.requestBody && described.requestBody.content["application/json"];
  const body = content
    ? element("textarea", {
        spellcheck: false,
        ariaLabel: "Body",
        value: JSON.stringify(example(content.schema, document_), null, 2),
      })
    : null;
  const output = element("pre", { className: "answer", hidden: true });
  const stop = element("button", { type: "button", textContent: "Stop", hidden: true });
  const form = element(
    "form",
    {},
    ...fields.map(({ row }) => row),
    body,
    element("button", { textContent: "Send" }),
    stop,
    output,
  );
  form.onsubmit = async (event) => {
    event.preventDefault();
    const headers = {};
    if (token.value) headers.Authorization = `Bearer ${token.value}`;
    if (body) headers["Content-Type"] = "application/json";
    for (const { input, parameter } of fields) {
      if (parameter.in === "header" && input.value) headers[parameter.name] = input.value;
    }
    output.hidden = false;
    output.textContent = "…";
    try {
      const options = { method: method.toUpperCase(), headers };
      if (body) options.body = body.value;
      const response = await fetch(address(path, fields), options);
      const kind = response.headers.get("content-type") || "";
      await (kind.startsWith("text/event-stream")
        ? stream(response, output, stop)
        : show(response, output));
    } catch (error) {
      output.textContent = String(error);
    }
  };
  const answers = Object.entries(described.responses || {})
    .map(([status, { description }]) => `${status} ${description}`)
    .join(" · ");
  const card = element(
    "details",
    {},
    element(
      "summary",
      {},
      element("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
      element("code", { textContent: path }),
      element("span", { className: "summary", textContent: described.summary }),
    ),
    element("pre", { textContent: described.description || "" }),
    form,
    element("small", { textContent: `Answers: ${answers}` }),
  );
  card.dataset.text = `${method} ${path} ${described.summary} ${described.tags}`.toLowerCase();
  return card;
}

async function signIn() {
  const who = document.getElementById("who");
  try {
    const [account] = await window.ethereum.request({ method: "eth_requestAccounts" });
    const post = async (path, content) => {
      const response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(content),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
      return answer;
    };
    const { message } = await post("/auth/nonce", { address: account });
    const signature = await window.ethereum.request({
      method: "personal_sign",
      params: [message, account],
    });
    const session = await post("/auth/sessions", { message, signature });
    token.value = session.token;
    who.textContent = `${session.address} until ${new Date(session.expires_at).toLocaleTimeString()}`;
  } catch (error) {
    who.textContent = error.message || String(error);
  }
}

async function start() {
  const document_ = await (await fetch("/openapi.json")).json();
  document.getElementById("title").textContent =
    `${document_.info.title} API ${document_.info.version}`;
  document.getElementById("description").textContent = document_.info.description.trim();
  const groups = new Map();
  for (const [path, item] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const tag = (item[method].tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(method, path, item[method], document_));
    }
  }
  const list = document.getElementById("operations");
  list.replaceChildren(
    ...[...groups].map(([tag, cards]) =>
      element("section", {}, element("h2", { textContent: tag }), ...cards),
    ),
  );
  document.getElementById("filter").oninput = ({ target }) => {
    for (const card of list.querySelectorAll("details")) {
      card.hidden = !card.dataset.text.includes(target.value.toLowerCase());
    }
  };
  const wallet = document.getElementById("wallet");
  wallet.hidden = !window.ethereum;
  wallet.onclick = signIn;
}

start();
