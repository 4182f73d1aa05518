// Keeps each answer as it is given: queued in this browser, sent in order, sent again under the same submission id when the network
// drops. The server decides which questions are shown. Without this script the form is sent as a whole.
(function () {
  "use strict";
  var form = document.getElementById("survey"), notice = document.getElementById("notice");
  if (!form || !window.fetch) return;
  var token = form.dataset.token, key = "survey:" + token, busy = false, timer = 0, wait = 1000, ending = false;
  var kept = load();

  function say(name) { return form.getAttribute("data-say-" + name.toLowerCase().replace(/_/g, "-")) || ""; }

  function load() {
    try { var found = JSON.parse(localStorage.getItem(key)); if (found && found.id) return found; } catch (error) { /* none */ }
    var id = window.crypto && crypto.randomUUID ? crypto.randomUUID() : String(Date.now()) + Math.random().toString(16).slice(2);
    return { id: id, next: 1, queue: [] };
  }

  function keep() { try { localStorage.setItem(key, JSON.stringify(kept)); } catch (error) { /* private window: kept in memory */ } }

  function forget() { try { localStorage.removeItem(key); } catch (error) { /* nothing to forget */ } }

  function tell(text, loud) {
    notice.setAttribute("role", loud ? "alert" : "status");
    if (notice.textContent !== text) notice.textContent = text;
  }

  function answerOf(box) {
    var kind = Number(box.dataset.kind), answer = { questionCode: box.dataset.code };
    var all = function (what) { return Array.prototype.slice.call(box.querySelectorAll(what)); };
    var on = all("input:checked").map(function (one) { return one.value; });
    if (kind === 1 || kind === 2) { if (on.length) answer.choices = on; }
    else if (kind === 3) { if (on.length) answer.number = Number(on[0]); }
    else if (kind === 4) { answer.text = box.querySelector("textarea").value; }
    else if (kind === 5) {
      var day = box.querySelector("input").value.split("-").map(Number);
      if (day.length === 3) answer.date = { year: day[0], month: day[1], day: day[2] };
    } else if (kind === 6) {
      var places = all("select").filter(function (one) { return one.value; });
      if (places.length < all("select").length) return null;
      places.sort(function (a, b) { return Number(a.value) - Number(b.value); });
      answer.choices = places.map(function (one) { return one.dataset.option; });
    } else {
      var rows = {};
      all("select").forEach(function (one) {
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

  function changed(event) {
    var box = event.target.closest("fieldset"), answer = box && answerOf(box);
    if (!answer) return;
    clear(box);
    kept.queue = kept.queue.filter(function (one) { return one.answer.questionCode !== answer.questionCode; });
    kept.queue.push({ answer: answer, submissionId: kept.id, sequence: kept.next++ });
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
    if (busy) return;
    if (!kept.queue.length) { if (ending) finish(); return; }
    var first = kept.queue[0];
    busy = true;
    tell(say("saving"));
    post("answer", first).then(function (told) {
      busy = false; wait = 1000;
      kept.queue = kept.queue.filter(function (one) { return one !== first; });
      keep();
      if (told.ok) show(told.page.shown || []);
      else if (told.page.reason === "SURVEY_FINISHED" || told.page.reason === "SURVEY_LINK_EXPIRED") { location.reload(); return; }
      else mark(first.answer.questionCode, "ANSWER_INVALID");
      if (!kept.queue.length) tell(say("saved"));
      flush();
    }, later);
  }

  function later() {
    busy = false;
    tell(say("waiting"));
    clearTimeout(timer);
    timer = setTimeout(flush, wait);
    wait = Math.min(wait * 2, 30000);
  }

  function show(codes) {
    Array.prototype.forEach.call(form.querySelectorAll("fieldset"), function (box) {
      box.hidden = codes.indexOf(box.dataset.code) < 0;
    });
  }

  function clear(box) { box.removeAttribute("aria-invalid"); box.querySelector(".fault").textContent = ""; }

  function mark(code, reason) {
    var box = document.getElementById("f-" + code);
    if (!box) return null;
    box.setAttribute("aria-invalid", "true");
    box.querySelector(".fault").textContent = say(reason);
    return box;
  }

  function finish() {
    busy = true;
    post("finish", {}).then(function (told) {
      busy = false; ending = false;
      if (told.ok) { done(); return; }
      if (told.page.reason !== "SURVEY_INCOMPLETE") { location.reload(); return; }
      tell(say("failed"), true);
      var boxes = (told.page.violations || told.page.errors || []).map(function (one) {
        return mark(one.field || one.name, one.reason || "ANSWER_MISSING");
      }).filter(Boolean);
      var input = boxes.length && boxes[0].querySelector("input, textarea, select");
      if (input) input.focus();
    }, later);
  }

  function done() {
    forget();
    Array.prototype.forEach.call(form.querySelectorAll("fieldset"), function (box) { box.disabled = true; });
    form.querySelector("button").hidden = true;
    tell([say("done"), form.dataset.thanks, say("sent")].filter(Boolean).join(" "));
    notice.focus();
  }

  form.addEventListener("change", changed);
  form.addEventListener("submit", function (event) { event.preventDefault(); ending = true; flush(); });
  window.addEventListener("online", function () { wait = 1000; flush(); });
  if (kept.queue.length) flush();
})();
