// Keeps each answer as it is given: queued in this browser, sent in order, sent again under the same submission id when the network
// drops. All tabs of a browser are one submission with one count, so that what is sent late never overwrites what was said after it.
// Conditions are judged here once /s/rules.js has come; without it the server tells what is shown. Without this script the form is sent
// as a whole.
(function () {
  "use strict";
  var form = document.getElementById("survey"), notice = document.getElementById("notice");
  if (!form || !window.fetch) return;
  var token = form.dataset.token, key = "survey:" + token, preview = !token;
  var questions = JSON.parse(document.getElementById("questions").textContent);
  var busy = false, timer = 0, wait = 1000, typing = 0, kept = null, rules = null;

  function say(name) { return form.getAttribute("data-say-" + name.toLowerCase().replace(/_/g, "-")) || ""; }

  function each(list, work) { Array.prototype.forEach.call(list, work); }

  function all(box, what) { return Array.prototype.slice.call(box.querySelectorAll(what)); }

  function boxOf(code) { return document.getElementById("f-" + code); }

  // What the storage holds is read anew each time: another tab may have written since.
  function load() {
    try {
      var found = JSON.parse(localStorage.getItem(key));
      if (found && found.id && Array.isArray(found.queue)) { kept = found; return; }
    } catch (error) { /* none, or a window without storage: kept in memory */ }
    if (kept) return;
    var id = window.crypto && crypto.randomUUID ? crypto.randomUUID() : String(Date.now()) + Math.random().toString(16).slice(2);
    kept = { id: id, next: 1, queue: [], ending: false };
  }

  function keep() { try { localStorage.setItem(key, JSON.stringify(kept)); } catch (error) { /* kept in memory */ } }

  function forget() { try { localStorage.removeItem(key); } catch (error) { /* nothing to forget */ } }

  function tell(text, loud) {
    notice.setAttribute("role", loud ? "alert" : "status");
    if (notice.textContent !== text) notice.textContent = text;
  }

  // The answer of a group of fields; null for a ranking that is not whole yet.
  function answerOf(box) {
    var kind = Number(box.dataset.kind), answer = { questionCode: box.dataset.code };
    var on = all(box, "input:checked").map(function (one) { return one.value; });
    if (kind === 1 || kind === 2) { if (on.length) answer.choices = on; }
    else if (kind === 3) { if (on.length) answer.number = Number(on[0]); }
    else if (kind === 4) { answer.text = box.querySelector("textarea").value; }
    else if (kind === 5) {
      var day = box.querySelector("input").value.split("-").map(Number);
      if (day.length === 3) answer.date = { year: day[0], month: day[1], day: day[2] };
    } else if (kind === 6) {
      var places = all(box, "select").filter(function (one) { return one.value; });
      if (places.length && places.length < all(box, "select").length) return null;
      places.sort(function (a, b) { return Number(a.value) - Number(b.value); });
      if (places.length) answer.choices = places.map(function (one) { return one.dataset.option; });
    } else {
      var rows = {};
      all(box, "select").forEach(function (one) {
        if (!one.value) return;
        rows[one.dataset.row] = rows[one.dataset.row] || { code: one.dataset.row };
        rows[one.dataset.row][one.dataset.part] = Number(one.value);
      });
      answer.rows = Object.keys(rows).map(function (code) { return rows[code]; }).filter(function (row) {
        return row.number !== undefined && (kind === 7 || row.expected !== undefined);
      });
    }
    return answer;
  }

  // Shows an answer that was given before the page was opened again, or in another tab.
  function fill(answer) {
    var box = boxOf(answer.questionCode);
    if (!box || box.contains(document.activeElement)) return;
    var chosen = (answer.choices || []).concat(answer.number === undefined ? [] : [String(answer.number)]), date = answer.date;
    all(box, "input[type=radio], input[type=checkbox]").forEach(function (one) { one.checked = chosen.indexOf(one.value) >= 0; });
    all(box, "textarea").forEach(function (one) { one.value = answer.text || ""; });
    all(box, "input[type=date]").forEach(function (one) {
      one.value = date ? ("000" + date.year).slice(-4) + "-" + ("0" + date.month).slice(-2) + "-" + ("0" + date.day).slice(-2) : "";
    });
    all(box, "select").forEach(function (one) {
      var place = chosen.indexOf(one.dataset.option) + 1;
      var row = (answer.rows || []).filter(function (given) { return given.code === one.dataset.row; })[0];
      one.value = place ? String(place) : row ? String(row[one.dataset.part] || 0) : "";
    });
  }

  function given() {
    var found = {};
    each(form.querySelectorAll("fieldset"), function (box) { found[box.dataset.code] = answerOf(box) || undefined; });
    return found;
  }

  function judge() { if (rules) show(rules.shown(questions, given())); }

  function changed(box) {
    var answer = box && answerOf(box);
    if (!answer) return;
    clear(box);
    judge();
    if (preview) return;
    load();
    kept.queue = kept.queue.filter(function (one) { return one.answer.questionCode !== answer.questionCode; });
    kept.queue.push({ answer: answer, submissionId: kept.id, sequence: kept.next++ });
    kept.ending = false;
    keep();
    flush();
  }

  function post(verb, body) {
    return fetch("/v1/surveyPages/" + token + ":" + verb, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), credentials: "omit"
    }).then(function (answer) {
      if (answer.status >= 500 || answer.status === 429) throw new Error("later");
      return answer.json().then(function (page) { return { ok: answer.ok, page: page }; });
    });
  }

  function flush() {
    if (busy || preview) return;
    load();
    if (!kept.queue.length) { if (kept.ending) finish(); return; }
    var first = kept.queue[0];
    busy = true;
    tell(say("saving"));
    post("answer", first).then(function (told) {
      busy = false; wait = 1000;
      load();
      kept.queue = kept.queue.filter(function (one) { return one.submissionId !== first.submissionId || one.sequence !== first.sequence; });
      keep();
      if (!told.ok && isOver(told.page.reason)) return;
      if (!told.ok) mark(first.answer.questionCode, "ANSWER_INVALID");
      else if (!rules) show(told.page.shown || []);
      if (!kept.queue.length) tell(say("saved"));
      flush();
    }, later);
  }

  // Nothing more can be answered: the page, opened again, says why.
  function isOver(reason) {
    var over = ["SURVEY_FINISHED", "SURVEY_LINK_EXPIRED", "SURVEY_LINK_UNKNOWN"].indexOf(reason) >= 0;
    if (over) { forget(); location.reload(); }
    return over;
  }

  function later() {
    busy = false;
    tell(say("waiting"));
    clearTimeout(timer);
    timer = setTimeout(flush, wait);
    wait = Math.min(wait * 2, 10000);
  }

  function show(codes) {
    each(form.querySelectorAll("fieldset"), function (box) { box.hidden = codes.indexOf(box.dataset.code) < 0; });
  }

  function clear(box) { box.removeAttribute("aria-invalid"); box.querySelector(".fault").textContent = ""; }

  function mark(code, reason) {
    var box = boxOf(code);
    if (!box) return null;
    box.setAttribute("aria-invalid", "true");
    box.querySelector(".fault").textContent = say(reason);
    return box;
  }

  // Marks what stands against ending, [code, reason] each, and leads to the first of it.
  function refuse(wrong) {
    tell(say("failed"), true);
    var boxes = wrong.map(function (one) { return mark(one[0], one[1]); }).filter(Boolean);
    var input = boxes.length && boxes[0].querySelector("input, textarea, select");
    if (input) input.focus();
  }

  function send(event) {
    event.preventDefault();
    var wrong = rules ? rules.faults(questions, given()) : [];
    if (wrong.length) { refuse(wrong); return; }
    if (preview) { tell(say("preview")); return; }
    load();
    kept.ending = true;
    keep();
    flush();
  }

  function finish() {
    busy = true;
    post("finish", {}).then(function (told) {
      busy = false;
      load();
      kept.ending = false;
      if (told.ok) { done(); return; }
      keep();
      if (isOver(told.page.reason)) return;
      refuse((told.page.errors || []).map(function (one) { return [one.field, one.reason || "ANSWER_MISSING"]; }));
    }, later);
  }

  function done() {
    forget();
    each(form.querySelectorAll("fieldset"), function (box) { box.disabled = true; });
    form.querySelector("button").hidden = true;
    tell([say("done"), form.dataset.thanks, say("sent")].filter(Boolean).join(" "));
    notice.focus();
    form = null;
  }

  function elsewhere(event) {
    if (event.key !== key || !form) return;
    if (!event.newValue) { location.reload(); return; } // another tab has ended it
    load();
    kept.queue.forEach(function (one) { fill(one.answer); });
    judge();
  }

  function fetchRules() {
    if (!form || !form.dataset.rules) return;
    var script = document.createElement("script");
    script.src = form.dataset.rules;
    script.onload = function () {
      rules = window.marqueRules || null;
      try { judge(); } catch (error) { rules = null; } // an engine that this browser cannot run: the server judges
      performance.mark("survey-rules");
    };
    document.head.appendChild(script);
  }

  form.addEventListener("change", function (event) { clearTimeout(typing); changed(event.target.closest("fieldset")); });
  form.addEventListener("input", function (event) { // long texts are kept while they are written, not only when they are left
    if (event.target.tagName !== "TEXTAREA") return;
    clearTimeout(typing);
    typing = setTimeout(changed, 1000, event.target.closest("fieldset"));
  });
  form.addEventListener("submit", send);
  window.addEventListener("online", function () { wait = 1000; flush(); });
  window.addEventListener("storage", elsewhere);
  if (document.readyState === "complete") fetchRules(); else window.addEventListener("load", fetchRules);
  load();
  kept.queue.forEach(function (one) { fill(one.answer); });
  flush();
  performance.mark("survey-ready");
})();
